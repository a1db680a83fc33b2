// What the heatmaps show of the outputs, and on which scale: their values, what they differ from one
// of them by, or how many kernel positions reach each.
import {textOf} from './heatmap.js';
import {differenceOf, rangeOf} from './image.js';
import {coloursOf} from './service.js';
import {nameOf} from './state.js';

// As /compare shows differences: white where there are none.
const DIVERGING = 'RdBu_r';

// The pipeline that the others are shown beside, or -1.
export const referenceOf = ({view, pipelines}) => /^\d$/.test(view) && view in pipelines ? Number(view) : -1;

const spread = volumes => rangeOf(volumes.flatMap(({range}) => range));

function symmetric(volumes) {
  const far = Math.max(...spread(volumes).map(Math.abs));
  return [-far, far];
}

const average = ({flat}) => flat.reduce((sum, value) => sum + Math.abs(value), 0) / flat.length;
const fromTo = (range, verb) => `${verb} ${range.map(textOf).join(' to ')}`;

// What stands below a picture.
export const valuesText = (sides, [low, high]) =>
  `${sides.join(' × ')}, ${low === high ? `every value ${textOf(low)}` : fromTo([low, high], 'values from')}`;

function valuesOf({shape, output}, colours, all) {
  return {volume: output, colours, range: all ?? output.range,
    caption: valuesText(shape, output.range)};
}

function tapsOf(result, colours) {
  const volume = result.taps();
  return volume ? {volume, colours, range: [0, volume.range[1]],
    caption: `${result.shape.join(' × ')}, ${fromTo(volume.range, 'kernel positions:')}`} : valuesOf(result, colours);
}

async function differencesOf(results, reference, names, colours) {
  const diverging = await coloursOf(DIVERGING), from = results[reference].output;
  const differences = results.map((result, i) => result && i !== reference ? differenceOf(result.output, from) : null);
  const range = symmetric(differences.filter(Boolean));
  return results.map((result, i) => {
    const volume = differences[i], own = result && valuesOf(result, colours);
    if (!volume)
      return own && {...own, caption: i === reference ? `${own.caption}; the others differ from this`
        : `${own.caption}; of another size than ${names[reference]}`};
    return {volume, colours: diverging, range, reference: names[reference],
      caption: `${fromTo(volume.range, 'differs by')}, ${textOf(Number(average(volume).toPrecision(3)))} on average, from ${names[reference]}`};
  });
}

// What to draw: colours and range for the input, and a picture {volume, colours, range, caption} for
// each result {shape, output, taps()}, null where there is none. A picture of differences has the name
// of its `reference`.
export async function picturesOf(state, input, results) {
  const {view, cmap, shared, pipelines} = state, reference = referenceOf(state), colours = await coloursOf(cmap);
  const volumes = [...(input ? [input] : []), ...results.flatMap(result => result?.output ?? [])];
  const all = shared && !results[reference] && view !== 'taps' ? spread(volumes) : undefined;
  const pictures = results[reference] ? await differencesOf(results, reference, pipelines.map(nameOf), colours)
    : results.map(result => result && (view === 'taps' ? tapsOf(result, colours) : valuesOf(result, colours, all)));
  return {colours, range: all ?? input?.range, pictures};
}
