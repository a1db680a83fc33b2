// The page: an input, pipelines of layers beside one another, and what the service makes of them.
// Every control replaces the state (state.js) and everything that is shown follows from it. Requests
// that were answered are remembered, so that a change asks again only for what it changes.
import {compareShow} from './compare.js';
import {editorProblem, editorShow, editorStart, stateWithAxes} from './editor.js';
import {byId, pretty, problemsClear, problemShow} from './forms.js';
import {Heatmap, textOf} from './heatmap.js';
import {rangeOf, volumeOf} from './image.js';
import {presets} from './presets.js';
import {Card, outputOf} from './results.js';
import {ask, askJson, catalogueGet, coloursOf, Problem, timingOf} from './service.js';
import {chosenLayer, pipelineAxes, PIPELINES_MAX, requestOf, stateKeep, stateOpen} from './state.js';
import {curlOf, download, pythonLinesOf, scriptLinesOf, tensorOf} from './takeaway.js';
import {weightsMark, weightsShow} from './weights.js';

const PAINT_PAUSE_MS = 60, SLOW_MS = 300;
// A dropped file of at most so many values becomes text that can be edited and drawn on.
const TEXT_VALUES_MAX = 16384, ANSWERS_MAX = 64;

let state = stateOpen();
let running = null; // AbortController of the requests on their way
let cards = [], inputMap, painted;
const answers = new Map(); // by request

// --- Answers ---

// An answer to a request, remembered unless it was a refusal or is given up.
function remembered(key, signal, make) {
  if (!answers.has(key)) {
    if (answers.size >= ANSWERS_MAX)
      answers.delete(answers.keys().next().value);
    const forget = () => answers.delete(key), made = make();
    signal?.addEventListener('abort', forget, {once: true});
    made.then(() => signal?.removeEventListener('abort', forget), forget);
    answers.set(key, made);
  }
  return answers.get(key);
}

const answerOf = (request, signal) => remembered(JSON.stringify(request), signal, async () => {
  const response = await ask('upsample', request, signal);
  return {...await response.json(), timing: timingOf(response.headers)};
});

const planOf = (request, signal) => remembered(`plan ${JSON.stringify(request)}`, signal, () =>
  askJson('plan?weights=true', request, signal));

async function resultOf(layers, signal) {
  const request = requestOf(state, layers), axes = pipelineAxes(layers);
  const answer = await answerOf(request, signal);
  return {layers, axes, shape: answer.shape, timing: answer.timing, request,
    input: volumeOf(state.input, axes), output: outputOf(answer, axes)};
}

// What the last layer of a pipeline gets.
async function beforeOf(layers) {
  const answer = await answerOf(requestOf(state, layers, layers.length - 1));
  return outputOf(answer, pipelineAxes(layers));
}

// --- Showing ---

function cardMake(index) {
  const pipelinesWith = change => {
    const pipelines = change([...state.pipelines]);
    set({...state, pipelines, chosen: {pipeline: Math.min(state.chosen.pipeline, pipelines.length - 1), layer: 0}});
  };
  return new Card(index, {
    edit: () => {
      set({...state, chosen: {pipeline: index, layer: 0}});
      byId('editor').scrollIntoView({behavior: 'smooth', block: 'nearest'});
    },
    copy: () => state.pipelines.length < PIPELINES_MAX &&
      pipelinesWith(list => list.toSpliced(index + 1, 0, structuredClone(list[index]))),
    remove: () => state.pipelines.length > 1 && pipelinesWith(list => list.toSpliced(index, 1)),
    before: () => beforeOf(state.pipelines[index]),
    seen: (cells, terms) => {
      inputMap.mark(cells.map(([y, x]) => ({y, x})));
      if (index === state.chosen.pipeline && state.chosen.layer === state.pipelines[index].length - 1)
        weightsMark(terms);
    },
  });
}

function cardsFit() {
  while (cards.length > state.pipelines.length)
    cards.pop().element.remove();
  while (cards.length < state.pipelines.length) {
    const card = cardMake(cards.length);
    cards.push(card);
    byId('pipelines').append(card.element);
  }
  byId('add').hidden = state.pipelines.length >= PIPELINES_MAX;
  cards.forEach((card, i) => card.name(state.pipelines[i], i === state.chosen.pipeline));
}

function inputVolume() {
  return volumeOf(state.input, pipelineAxes(state.pipelines[0]));
}

async function draw() {
  const colours = await coloursOf(state.cmap), input = inputVolume();
  const own = card => rangeOf([...Array(card.output.channels).keys()].flatMap(c =>
    [...Array(card.output.depth).keys()].map(z => card.output.plane(z, c))));
  const shown = cards.filter(card => card.output);
  const z = input ? Math.min(Number(byId('input-slice').value), input.depth - 1) : 0;
  const before = input ? input.plane(z, 0) : null;
  const taps = byId('taps').checked;
  const all = state.shared && rangeOf([...(before ? [before] : []), ...shown.map(card => [own(card)])]);
  byId('input-slice').closest('label').hidden = !input || input.depth === 1;
  if (before) {
    byId('input-slice').max = input.depth - 1;
    inputMap.show(before, colours, all || rangeOf([before]));
    const sides = [input.depth, input.height, input.width].slice(3 - input.spatial);
    byId('input-caption').textContent = `${[...sides, ...(input.channels > 1 ? [input.channels] : [])].join(' × ')}, values from ${rangeOf([before]).map(textOf).join(' to ')}`;
  }
  const view = {colours, taps, ownRange: own,
    rangeOf: (card, rows) => taps ? [0, rangeOf([rows])[1]] : all || own(card)};
  for (const card of shown)
    card.draw(view);
}

function takeawayShow() {
  const request = requestOf(state, state.pipelines[state.chosen.pipeline]);
  byId('json').textContent = pretty(request);
  byId('curl').textContent = curlOf(request);
  byId('python').textContent = pythonLinesOf(request);
  byId('script').textContent = scriptLinesOf(request);
}

function inputShow() {
  const text = pretty(state.input), index = presets.findIndex(({values}) => JSON.stringify(values) === JSON.stringify(state.input));
  byId('preset').value = index < 0 ? '' : String(index);
  if (document.activeElement !== byId('input'))
    byId('input').value = text;
}

// --- Running ---

function problemOf(index, error, focus) {
  const problem = error instanceof Problem ? error
    : new Problem(`The service does not answer: ${error.message}`);
  cards[index].refuse(problem);
  if ((problem.pointer ?? '').startsWith('/input'))
    problemShow(byId('input').closest('.field'), problem.message, focus);
  else if (index === state.chosen.pipeline)
    editorProblem(state, problem, focus);
}

// The picture first; then what explains it.
async function one(index, signal, focus) {
  const card = cards[index], layers = state.pipelines[index];
  const slow = setTimeout(() => card.busy(true), SLOW_MS);
  try {
    const result = await resultOf(layers, signal);
    signal.throwIfAborted();
    card.show(result);
    await draw();
    firstPainted();
    const plan = await planOf(result.request, signal);
    signal.throwIfAborted();
    card.show({...result, plan});
    await draw();
    if (index === state.chosen.pipeline)
      weightsShow(plan.layers[state.chosen.layer], chosenLayer(state).weights);
  } catch (error) {
    if (!signal.aborted)
      problemOf(index, error, focus);
  } finally {
    clearTimeout(slow);
    if (!signal.aborted)
      card.busy(false);
  }
}

async function run(focus = false) {
  running?.abort();
  const mine = running = new AbortController();
  byId('pipelines').setAttribute('aria-busy', 'true');
  problemsClear();
  await Promise.all(state.pipelines.map((_, index) => one(index, mine.signal, focus)));
  if (mine.signal.aborted)
    return;
  stateKeep(state);
  if (!byId('compared').hidden)
    await compare(mine.signal);
  if (running === mine)
    byId('pipelines').setAttribute('aria-busy', 'false');
}

function set(next, focus = false) {
  state = next;
  cardsFit();
  inputShow();
  takeawayShow();
  editorShow(state, set);
  return run(focus);
}

// How long a visitor waits, as the page sees it.
function firstPainted() {
  const {dataset} = document.documentElement;
  if (dataset.firstResult !== undefined)
    return;
  dataset.firstResult = '';
  requestAnimationFrame(() => setTimeout(() => {
    dataset.firstResult = String(Math.round(performance.now()));
    byId('first-result').textContent = ` The first result was here after ${dataset.firstResult} ms.`;
  }));
}

// --- The input ---

function inputRead() {
  try {
    return JSON.parse(byId('input').value);
  } catch (error) {
    problemShow(byId('input').closest('.field'), `This is no JSON: ${error.message}.`, false);
    return undefined;
  }
}

function paint(y, x) {
  const values = inputRead();
  if (values === undefined)
    return;
  const value = Number(byId('brush').value), axes = pipelineAxes(state.pipelines[0]);
  const z = Number(byId('input-slice').value), plane = axes === 3 ? values[z] : values;
  const row = Array.isArray(plane?.[0]) && axes !== 1 ? plane[y] : plane;
  if (Array.isArray(row?.[x]))
    row[x].fill(value);
  else if (row?.[x] !== undefined)
    row[x] = value;
  state = {...state, input: values};
  byId('input').value = pretty(values);
  draw();
  clearTimeout(painted);
  painted = setTimeout(() => set(state), PAINT_PAUSE_MS);
}

// A small file's values as text, so that its cells can be seen and drawn on; a large one as it is.
async function editable(input) {
  const plan = await askJson('plan', {input, layers: []});
  if (plan.input_shape.reduce((product, extent) => product * extent, 1) > TEXT_VALUES_MAX)
    return input;
  return (await askJson('upsample', {input, layers: [], output: {format: 'json'}})).output;
}

async function take(file) {
  if (!file)
    return;
  try {
    await set({...state, input: await editable(await tensorOf(file))});
  } catch (error) {
    problemShow(byId('input').closest('.field'), `${file.name} cannot be read: ${error.message}`, false);
  }
}

function inputStart() {
  const groups = [[2, 'images'], [1, 'sequences'], [3, 'volumes']];
  byId('preset').replaceChildren(new Option('your own', ''), ...groups.map(([axes, label]) => {
    const group = document.createElement('optgroup');
    group.label = label;
    group.append(...presets.flatMap((preset, i) => preset.axes === axes ? [new Option(preset.name, i)] : []));
    return group;
  }));
  byId('preset').addEventListener('change', event => {
    const preset = presets[event.target.value];
    if (preset)
      set({...stateWithAxes(state, preset.axes), input: preset.values});
  });
  byId('input').addEventListener('change', () => {
    problemsClear();
    const values = inputRead();
    if (values !== undefined)
      set({...state, input: values});
  });
  byId('file').addEventListener('change', event => take(event.target.files[0]));
  document.addEventListener('dragover', event => event.preventDefault());
  document.addEventListener('drop', event => {
    event.preventDefault();
    take(event.dataTransfer?.files[0]);
  });
  byId('finger').addEventListener('change', event =>
    byId('input-cells').classList.toggle('drawing', event.target.checked));
  inputMap = new Heatmap(byId('input-cells'), {paint, choose: (y, x) => {
    const input = inputVolume(), z = Number(byId('input-slice').value);
    const values = [...Array(input.channels).keys()].map(c => textOf(input.at(z, y, x, c)));
    byId('input-value').textContent = `input[${[...(input.depth > 1 ? [z] : []), ...(input.height > 1 ? [y] : []), x].join(', ')}] = ${values.join(', ')}`;
  }});
}

// --- The rest ---

async function compare(signal) {
  byId('compare-error').hidden = true;
  try {
    await compareShow(state.input, state.cmap, signal);
  } catch (error) {
    if (signal?.aborted)
      return;
    byId('compared').hidden = true;
    byId('compare-error').textContent = error.message;
    byId('compare-error').hidden = false;
  }
}

function toolsStart() {
  byId('add').addEventListener('click', () => set({...state,
    pipelines: [...state.pipelines, structuredClone(state.pipelines[state.chosen.pipeline])],
    chosen: {pipeline: state.pipelines.length, layer: 0}}));
  byId('cmap').value = state.cmap;
  byId('shared').checked = state.shared;
  byId('cmap').addEventListener('change', event => set({...state, cmap: event.target.value}));
  byId('shared').addEventListener('change', event => set({...state, shared: event.target.checked}));
  for (const id of ['taps', 'input-slice'])
    byId(id).addEventListener('input', draw);
  byId('compare').addEventListener('click', () => compare());
  for (const button of document.querySelectorAll('[data-download]'))
    button.addEventListener('click', () => download(requestOf(state, state.pipelines[state.chosen.pipeline]),
      button.dataset.download, state.cmap).catch(error => problemOf(state.chosen.pipeline, error, false)));
  for (const button of document.querySelectorAll('[data-copy]')) {
    button.hidden = !navigator.clipboard; // there is none but on localhost and over TLS
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(byId(button.dataset.copy).textContent);
      byId('status').textContent = 'Copied.';
    });
  }
}

async function start() {
  const rows = catalogueGet();
  inputStart();
  toolsStart();
  const first = set(state);
  editorStart(await rows, () => state, set);
  editorShow(state, set);
  await first;
  document.documentElement.dataset.ready = '';
}

start().catch(error => {
  byId('status').textContent = `The service does not answer: ${error.message}`;
});
