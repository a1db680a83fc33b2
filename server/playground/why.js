// "Where a value comes from": input and output as cells, and the sum of the one that is pointed at.
import {Cells, coloursOf, textOf} from './cells.js';
import {gatherOf, overlapOf, termsOf} from './explain.js';

const byId = id => document.getElementById(id);
const SIDE_MAX = 64, TERMS_SHOWN = 12;

let input, output, state = null, showsTaps = false;
const colours = new Map();

const depthOf = value => Array.isArray(value) ? 1 + depthOf(value[0]) : 0;

// Nested arrays as [y][x][channel], or null where they are no small image or sequence.
function imageOf(values, axes) {
  const depth = depthOf(values);
  const withChannels = depth === axes ? nest(values, axes) : depth === axes + 1 ? values : null;
  const image = withChannels && (axes === 1 ? [withChannels] : withChannels);
  return image && image.length <= SIDE_MAX && image[0].length <= SIDE_MAX ? image : null;
}
const nest = (values, axes) => axes === 0 ? [values] : values.map(item => nest(item, axes - 1));

const plane = (image, channel) => image.map(row => row.map(cell => cell[Math.min(channel, cell.length - 1)]));

function rangeOf(rows) {
  const values = rows.flat().filter(value => value !== null);
  return [Math.min(...values), Math.max(...values)];
}

function sumText(terms, bias, value) {
  const product = ({weight, value: x}) => `${textOf(weight)} × ${textOf(x)}`;
  const live = terms.filter(term => term.value !== 0);
  const shown = (live.length > 0 ? live : terms).slice(0, TERMS_SHOWN).map(product);
  const more = (live.length || terms.length) - shown.length;
  const parts = [...shown, ...(more > 0 ? [`${more} more`] : []), ...(bias ? [`bias ${textOf(bias)}`] : [])];
  return `${parts.length > 0 ? parts.join(' + ') : 'nothing'} = ${textOf(value)}`;
}

function explain(y, x) {
  const {image, result, gather, kernel, bias, channel} = state;
  const value = result[y][x][channel];
  const place = result.length === 1 ? `[${x}]` : `[${y}, ${x}]`;
  if (!gather) {
    byId('sum').textContent = `output${place} = ${textOf(value)}`;
    return;
  }
  const terms = termsOf(gather, image, kernel, {y, x}, channel);
  const total = terms.reduce((sum, term) => sum + term.weight * term.value, bias?.[channel] ?? 0);
  const agrees = Math.abs(total - value) <= 1e-4 * (1 + Math.abs(value));
  input.mark(agrees ? terms.map(({at}) => ({y: at[0], x: at[1]})) : []);
  const taps = new Set(terms.map(({at}) => `${at[0]},${at[1]}`)).size;
  byId('sum').textContent = agrees
    ? `output${place}: ${taps} input ${taps === 1 ? 'cell' : 'cells'}; ` +
      sumText(terms, bias?.[channel], value)
    : `output${place} = ${textOf(value)}`;
}

async function mapOf(cmap) {
  if (!colours.has(cmap))
    colours.set(cmap, await coloursOf(cmap));
  return colours.get(cmap);
}

async function draw() {
  const {image, result, gather, channel, cmap} = state;
  const map = await mapOf(cmap);
  const before = plane(image, 0);
  const after = showsTaps && gather ? overlapOf(gather, image, [result.length, result[0].length])
    : plane(result, channel);
  input.show(before, map, ...rangeOf(before));
  output.show(after, map, ...(showsTaps ? [0, rangeOf(after)[1]] : rangeOf(after)));
  if (output.chosen)
    explain(output.chosen.y, output.chosen.x);
}

const shown = (shape, axes) => axes === 1 ? [1, ...shape.slice(-2, -1)] : shape.slice(-3, -1);

// What the diagnosis says of the layer, in a sentence.
function diagnosisShow(diagnosis) {
  const taps = diagnosis?.taps;
  const text = !taps ? '' : taps.uniform
    ? `Every output is reached by the same number of kernel positions (${taps.max}): no checkerboard from the kernel's geometry.`
    : `${diagnosis.advice ?? `Outputs are reached by ${taps.min} to ${taps.max} kernel positions`}.`;
  byId('diagnosis').textContent = text;
  byId('diagnosis').className = !taps || taps.uniform ? 'good' : 'bad';
  byId('diagnosis').hidden = text === '';
}

// Nothing is said of a layer that was refused.
export function whyHide() {
  byId('diagnosis').hidden = true;
  byId('why').hidden = true;
}

// request: as sent; answer: its JSON; plan: what /plan says with weights.
export async function whyShow(request, answer, plan, axes, cmap) {
  const layer = plan.layers[0];
  const image = axes === 0 || axes > 2 ? null : imageOf(request.input, axes);
  const result = image && imageOf(answer.output, axes);
  diagnosisShow(layer.diagnosis);
  byId('why').hidden = !result;
  if (!result)
    return;
  const weights = layer.weights?.map(({values}) => values) ?? [];
  const gather = gatherOf(request.layer, shown(layer.input_shape, axes), shown(layer.output_shape, axes));
  const count = result[0][0].length, kept = Number(byId('channel').value) || 0;
  byId('channel').replaceChildren(...Array.from({length: count}, (_, i) => new Option(`channel ${i + 1}`, i)));
  byId('channel').value = String(Math.min(kept, count - 1));
  byId('channel').closest('label').hidden = count === 1;
  state = {image, result, gather, cmap, kernel: axes === 1 && weights[0] ? [weights[0]] : weights[0],
    bias: weights[1], channel: Number(byId('channel').value)};
  byId('taps').closest('label').hidden = !gather;
  await draw();
}

// paint(y, x) is told which cell of the input was drawn on.
export function whyStart(paint) {
  input = new Cells(byId('input-cells'), {paint, choose: (y, x) => {
    if (state)
      byId('sum').textContent = `input[${y}, ${x}] = ${state.image[y][x].map(textOf).join(', ')}`;
  }});
  output = new Cells(byId('output-cells'), {choose: explain});
  byId('taps').addEventListener('change', event => {
    showsTaps = event.target.checked;
    draw();
  });
  byId('channel').addEventListener('change', event => {
    state.channel = Number(event.target.value);
    draw();
  });
}
