// The page: an input, pipelines of layers beside one another, and what the service makes of them.
// Every control replaces the state (state.js) and everything that is shown follows from it. The
// pictures come first: the controls (controls.js) are fetched when the first are there.
import {byId} from './dom.js';
import {Heatmap, textOf} from './heatmap.js';
import {COLOURS, volumeOf} from './image.js';
import {Card, outputOf, planesShow} from './results.js';
import {answerOf, planOf, Problem} from './service.js';
import {nameOf, pipelineAxes, PIPELINES_MAX, requestOf, stateKeep, stateOpen} from './state.js';
import {picturesOf, valuesText} from './view.js';

const SLOW_MS = 300, INPUT = 'input';

let state, input; // input: the state's as a volume, or null
let running = null; // AbortController of the requests on their way
let controls = null; // the module, when it is there
let pointed = null; // whose cell was pointed at last: a card's number, or INPUT
let first = null; // the promise of the first picture
const cards = [];

// --- Cards ---

// What the last layer of a pipeline gets.
async function beforeOf(layers) {
  const answer = await answerOf(requestOf(state, layers, layers.length - 1));
  return outputOf(answer, pipelineAxes(layers));
}

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
    point: () => { pointed = index; },
    leave: () => link([]),
    seen: (cell, marks, terms) => {
      if (index !== pointed)
        return;
      cards.forEach(card => card.mark([]));
      const shown = marks.filter(({z}) => z === slice());
      inputMap.mark(shown);
      link(shown.map(mark => [inputMap.middle(mark), cards[index].middle(cell)]));
      if (index === state.chosen.pipeline && state.chosen.layer === state.pipelines[index].length - 1)
        controls?.weightsMark(terms);
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
  cards.forEach((card, i) => card.name(state.pipelines[i], i === state.chosen.pipeline));
}

// Lines between cells of the input and of outputs, while somebody points at one of them.
function link(pairs) {
  controls?.linksShow(document.querySelector('canvas:is(:hover, :focus)') ? pairs : []);
}

// --- The input's picture ---

const slice = () => Number(byId('input-slice').value);

const inputMap = new Heatmap(byId('input-cells'), {
  paint: (y, x) => controls?.paint(y, x),
  choose: () => {
    pointed = INPUT;
    reachShow();
  },
  leave: () => link([]),
});

// An input's value, and the outputs that it is part of.
function reachShow() {
  const cell = {z: slice(), ...inputMap.chosen};
  const place = [...(input.depth > 1 ? [cell.z] : []), ...(input.height > 1 ? [cell.y] : []), cell.x].join(', ');
  const values = Array.from({length: input.channels}, (_, c) => textOf(input.at(cell.z, cell.y, cell.x, c)));
  const reached = cards.map(card => card.reached(cell));
  const parts = reached.flatMap((cells, i) => cells.length > 0 ? `${cells.length} of ${nameOf(state.pipelines[i])}` : []);
  byId('input-value').textContent = `input[${place}] = ${values.join(', ')}${parts.length > 0 ? `, part of outputs: ${parts.join(', ')}` : ''}`;
  inputMap.mark([]);
  cards.forEach((card, i) => card.mark(reached[i]));
  link(reached.flatMap((cells, i) => cells.filter(to => cards[i].shows(to)).map(to => [inputMap.middle(cell), cards[i].middle(to)])));
}

function inputDraw(colours, range) {
  byId('input-cells').hidden = !input;
  byId('input-caption').textContent = 'This page has no picture of this input.';
  if (!input)
    return;
  const {depth, height, width, channels, spatial} = input, channel = byId('input-channel');
  planesShow(byId('input-slice'), channel, input);
  inputMap.show(input.plane(slice(), channel.value === COLOURS ? COLOURS : Number(channel.value)), colours, range);
  const sides = [depth, height, width].slice(3 - spatial);
  byId('input-caption').textContent = `${valuesText([...sides, ...(channels > 1 ? [channels] : [])], input.range)}${depth > 1 ? `; slice ${slice()}` : ''}`;
}

// Heatmaps leave out what they show already. What changes the state or the input draws again.
async function draw() {
  const shown = state, from = input;
  const {colours, range, pictures} = await picturesOf(state, input, cards.map(card => card.result));
  if (shown !== state || from !== input)
    return;
  inputDraw(colours, range);
  pictures.forEach((picture, i) => picture && cards[i]?.draw(picture));
  if (pointed === INPUT && inputMap.chosen)
    reachShow();
}

// --- Running ---

function problemOf(index, error, focus) {
  const problem = error instanceof Problem ? error
    : new Problem(`The service does not answer: ${error.message}`);
  cards[index].refuse(problem);
  controls?.problemShow(state, index, problem, focus);
}

// The picture first; then what explains it. False where there is none.
async function one(index, signal, focus) {
  const card = cards[index], layers = state.pipelines[index], axes = pipelineAxes(layers);
  const slow = setTimeout(() => card.busy(true), SLOW_MS);
  try {
    const request = requestOf(state, layers), {shape, timing, ...answer} = await answerOf(request, signal);
    const result = {layers, axes, shape, timing, input: await inputOf(state, axes), output: outputOf(answer, axes)};
    signal.throwIfAborted();
    card.show(result);
    await draw();
    await firstPainted();
    const plan = await planOf(request, signal);
    signal.throwIfAborted();
    card.show({...result, plan});
    await draw();
    if (index === state.chosen.pipeline)
      controls?.weightsShow(state, plan);
    return true;
  } catch (error) {
    if (!signal.aborted)
      problemOf(index, error, focus);
    return false;
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
  const shown = await Promise.all(state.pipelines.map((_, index) => one(index, mine.signal, focus)));
  if (mine.signal.aborted)
    return;
  stateKeep(state);
  await controls?.compare(state, shown.every(Boolean), mine.signal);
  if (running === mine)
    byId('pipelines').setAttribute('aria-busy', 'false');
}

// The input as a volume, or null. A file that is too large to be text is read by the service.
const isFile = values => typeof values === 'object' && !Array.isArray(values);
const inputOf = async ({input: values}, axes) => volumeOf(isFile(values)
  ? (await answerOf({input: values, layers: [], output: {format: 'json'}})).output : values, axes);

// Only the pictures follow at once: what follows from the rest is set()'s.
async function take(next) {
  const axes = pipelineAxes(next.pipelines[0]);
  state = next;
  input = isFile(next.input) ? null : volumeOf(next.input, axes);
  cardsFit();
  draw();
  if (!isFile(next.input))
    return;
  const volume = await inputOf(next, axes).catch(() => null); // the cards say why
  if (state === next) {
    input = volume;
    draw();
  }
}

// Shows a state, and runs what it needs; with `focus` on the field of a mistake.
function set(next, focus = false) {
  take(next);
  controls?.show(state);
  return run(focus);
}

// Until the first picture is on the screen nothing else is done; how long that took, as the page sees it.
function firstPainted() {
  return first ??= new Promise(resolve => requestAnimationFrame(() => setTimeout(() => {
    const ms = document.documentElement.dataset.firstResult = String(Math.round(performance.now()));
    byId('first-result').textContent = ` The first result was here after ${ms} ms.`;
    resolve();
  })));
}

// Answers are remembered, so the second time only shows what needs the controls.
async function start() {
  await set(stateOpen());
  controls = await import('./controls.js');
  await controls.start({get: () => state, set, take, draw});
  await set(state);
  document.documentElement.dataset.ready = '';
}

start().catch(error => {
  byId('status').textContent = `The service does not answer: ${error.message}`;
});
