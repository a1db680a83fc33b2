// The page's question, put to the service: the pipelines, or a preset's candidates, on the present
// input, their table and the verdict on it.
import {byId, element} from './dom.js';
import {ask, askJson} from './service.js';
import {nameOf} from './state.js';
import {referenceOf} from './view.js';

const NAME_LETTERS_MAX = 40; // the service takes 64 bytes
// A spread, and an overshoot, that somebody sees: the service's own limit.
const SEEN = 0.01;

const number = value => typeof value === 'number' ? String(Number(value.toPrecision(3))) : '–';

const bad = value => value > SEEN;
const columns = [
  [({checkerboard}) => number(checkerboard), ({checkerboard}) => bad(checkerboard)],
  [({overshoot}) => number(overshoot), ({overshoot}) => bad(overshoot)],
  [({rms_gradient: gradient}) => number(gradient)], [({macs}) => String(macs)],
  [({parameters}) => String(parameters)], [({compute_ms: ms}) => number(ms)],
  [({output_shape: shape}) => shape.join(' × ')],
];

const rowOf = candidate => element('tr', {}, element('th', {scope: 'row'}, candidate.name),
  ...columns.map(([text, wrong]) => element('td', {class: wrong?.(candidate) ? 'bad' : undefined}, text(candidate))));

// "Cheapest: nearest (macs 0).", its subject in bold.
function sentenceOf(text) {
  const colon = text.indexOf(':');
  return element('li', {}, element('strong', {}, text.slice(0, colon + 1)), text.slice(colon + 1));
}

// Pipelines of one name get numbers.
function candidatesOf({pipelines}) {
  const names = pipelines.map(layers => nameOf(layers).slice(0, NAME_LETTERS_MAX));
  return pipelines.map((layers, i) => {
    const before = names.slice(0, i).filter(name => name === names[i]).length;
    return {name: before > 0 ? `${names[i]} (${before + 1})` : names[i], layers};
  });
}

async function pictureShow(request, count, signal) {
  const picture = await ask('compare', request, signal), image = byId('comparison');
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(await picture.blob());
  image.alt = request.view === 'differences' ? 'What the candidates differ by from the first'
    : `The results of ${count} candidates on one colour scale`;
  await image.decode();
}

async function fill(state, signal) {
  const preset = byId('candidates-of').value, {input, cmap} = state;
  const common = {input, set_random_seed: 1, ...(preset ? {preset} : {candidates: candidatesOf(state)})};
  const {candidates, verdict} = await askJson('compare', {...common, output: {format: 'json'}}, signal);
  byId('verdict').replaceChildren(...verdict.split(/(?<=\.) (?=[A-Z])/).map(sentenceOf));
  byId('candidates').replaceChildren(...candidates.map(rowOf));
  byId('comparison').hidden = !preset;
  if (preset)
    await pictureShow({...common, ...(referenceOf(state) >= 0 ? {view: 'differences', output: {format: 'png', ticks: false}}
      : {output: {format: 'png', ticks: false, cmap}})}, candidates.length, signal);
}

// Says the service's own sentence where it does not compare, as where a preset's input is no image.
// Pipelines that are not all `shown` have said why.
export async function compareShow(state, shown, signal) {
  const problem = byId('compare-error');
  if (!shown && byId('candidates-of').value === '') {
    byId('compared').hidden = true;
    return;
  }
  try {
    await fill(state, signal);
    problem.hidden = true;
  } catch (error) {
    if (signal?.aborted)
      return;
    problem.textContent = error.message;
    problem.hidden = false;
  }
  byId('compared').hidden = !problem.hidden;
}

export function compareStart(page) {
  byId('candidates-of').addEventListener('change', () => compareShow(page.get(), true));
}
