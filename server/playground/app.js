// The page: a form made of GET /layers, and two requests to POST /upsample for each change of it,
// one without layers (the input's figure) and one with the chosen layer (the output's). The whole
// state is the request, and it stands in the address, so that a link opens it again.
import {compareShow} from './compare.js';
import {curlOf, download, pythonLinesOf, scriptLinesOf, tensorOf} from './takeaway.js';
import {whyHide, whyShow, whyStart} from './why.js';

const byId = id => document.getElementById(id);

// Inputs by the number of axes that a layer works along; the first of each is chosen.

const filled = (shape, value, at = []) => shape.length === 0
  ? value(...at)
  : Array.from({length: shape[0]}, (_, i) => filled(shape.slice(1), value, [...at, i]));
const within = (low, high, ...at) => at.every(i => i >= low && i < high) ? 1 : 0;

const presets = [
  {name: 'a square, 8×8', axes: 2, values: filled([8, 8], (y, x) => within(2, 6, y, x))},
  {name: 'one pixel, 5×5', axes: 2, values: filled([5, 5], (y, x) => within(2, 3, y, x))},
  {name: 'all ones, 8×8', axes: 2, values: filled([8, 8], () => 1)},
  {name: 'a checkerboard, 8×8', axes: 2, values: filled([8, 8], (y, x) => (y + x) % 2)},
  {name: 'a ramp, 8×8', axes: 2, values: filled([8, 8], (y, x) => x)},
  {name: 'a diagonal, 8×8', axes: 2, values: filled([8, 8], (y, x) => y === x ? 1 : 0)},
  {name: 'four channels, 4×4×4', axes: 2, layer: 'PixelShuffle', values: filled([4, 4, 4], (y, x, c) => y === x ? c + 1 : 0)},
  {name: 'a pulse, 12', axes: 1, values: filled([12], x => within(4, 8, x))},
  {name: 'one value, 9', axes: 1, values: filled([9], x => within(4, 5, x))},
  {name: 'a ramp, 12', axes: 1, values: filled([12], x => x)},
  {name: 'a cube, 4×4×4', axes: 3, values: filled([4, 4, 4], (z, y, x) => within(1, 3, z, y, x))},
  {name: 'one voxel, 3×3×3', axes: 3, values: filled([3, 3, 3], (z, y, x) => within(1, 2, z, y, x))},
  {name: 'a batch of images, 1×8×8×1', axes: 0, values: filled([1, 8, 8, 1], (b, y, x) => x - 3.5)},
];

// What a layer that upsamples starts with: the notebook's first figure, whatever the layer.
const notebook = {filters: 1, kernel_size: 3, strides: 2, padding: 'same',
  kernel_initializer: 'Ones'};
// What stands where a parameter has no default.
const starts = {...notebook, units: 1, pool_size: 2, output_size: 4, rate: 0.5, stddev: 1, scale: 2,
  n: 2, target_shape: [16, 4], dims: [2, 1, 3], axes: 1};
const firstLayer = 'Conv2DTranspose';
// Weights that are drawn are the same for every request of the page, and for who opens its link.
const SEED = 1;
// A dropped file of at most so many values becomes text that can be edited and drawn on.
const TEXT_VALUES_MAX = 16384;

// Which layers the chooser shows first.
const upsamples = /^UpSampling|Transpose$|^PixelShuffle|^Resizing$/;

let catalogue = [];
let running = null; // AbortController of the requests on their way

// --- JSON for people: lists of numbers on one line ---

function pretty(value, indent = '') {
  const inner = indent + '  ';
  if (Array.isArray(value)) {
    if (!value.some(item => item !== null && typeof item === 'object'))
      return `[${value.map(item => JSON.stringify(item)).join(', ')}]`;
    return `[\n${value.map(item => inner + pretty(item, inner)).join(',\n')}\n${indent}]`;
  }
  if (value === null || typeof value !== 'object' || Object.keys(value).length === 0)
    return JSON.stringify(value);
  const members = Object.entries(value).map(([name, item]) =>
    `${inner}${JSON.stringify(name)}: ${pretty(item, inner)}`);
  return `{\n${members.join(',\n')}\n${indent}}`;
}

// --- The form ---

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined)
      made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const optionList = (names, chosen) => names.map(name => {
  const option = element('option', {value: name}, name);
  option.selected = name === chosen;
  return option;
});

// The choice that a value means: "ones" is the class Ones, "glorot_uniform" is GlorotUniform.
const plain = text => String(text).toLowerCase().replaceAll('_', '');
const choiceFor = (choices, value) => choices.find(choice => plain(choice) === plain(value));

const NOTHING = '(none)';

function startOf(parameter, layer) {
  const start = (upsamples.test(layer.class_name) ? notebook : parameter.required ? starts : {})[
    parameter.name];
  return start ?? parameter.default ?? null;
}

function controlOf(parameter, start) {
  const id = `parameter-${parameter.name}`;
  const attributes = {id, autocomplete: 'off', 'aria-describedby': `${id}-hint ${id}-error`};
  if (parameter.type === 'bool') {
    const box = element('input', {...attributes, type: 'checkbox'});
    box.checked = start === true;
    return box;
  }
  if (parameter.choices) {
    const names = parameter.nullable ? [NOTHING, ...parameter.choices] : parameter.choices;
    return element('select', attributes,
      ...optionList(names, start === null ? NOTHING : choiceFor(parameter.choices, start)));
  }
  const text = start === null ? '' : typeof start === 'object' ? JSON.stringify(start) : String(start);
  const control = element('input', {...attributes, type: 'text', spellcheck: 'false',
    inputmode: parameter.type === 'float' ? 'decimal' : undefined,
    placeholder: parameter.nullable ? 'none' : undefined});
  control.value = text;
  return control;
}

function boundsOf(parameter) {
  const huge = 2147483647;
  if (parameter.min === undefined)
    return '';
  return parameter.max >= huge ? `${parameter.min} or more` : `${parameter.min} to ${parameter.max}`;
}

function hintOf(parameter, layer) {
  const several = parameter.type === 'ints' && layer.spatial > 1 ? 'one number, or one an axis' : '';
  return [parameter.meaning, boundsOf(parameter), several].filter(Boolean).join('; ');
}

function fieldOf(parameter, layer) {
  const control = controlOf(parameter, startOf(parameter, layer));
  return element('div', {class: 'field', 'data-pointer': `/layer/config/${parameter.name}`},
    element('label', {for: control.id}, parameter.name),
    control,
    element('p', {class: 'hint', id: `${control.id}-hint`}, hintOf(parameter, layer)),
    element('p', {class: 'problem', id: `${control.id}-error`, hidden: ''}));
}

// What stands in a text field: JSON where it is JSON, "2, 3" as a list, else the text itself, which
// the service then refuses in its own words.
function valueOf(text) {
  for (const attempt of [text, `[${text}]`]) {
    try {
      return JSON.parse(attempt);
    } catch {
      continue;
    }
  }
  return text;
}

function parameterValue(parameter) {
  const control = byId(`parameter-${parameter.name}`);
  if (control.type === 'checkbox')
    return control.checked;
  const text = control.value.trim();
  if (parameter.choices)
    return text === NOTHING ? null : text;
  return text === '' ? undefined : valueOf(text);
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b) ||
  (typeof a === 'string' && typeof b === 'string' && plain(a) === plain(b));

function chosenLayer() {
  return catalogue.find(layer => layer.class_name === byId('layer').value);
}

// Only what differs from the defaults is sent: the request stays readable.
function configOf(layer) {
  const config = {};
  for (const parameter of layer.parameters) {
    const value = parameterValue(parameter);
    if (value !== undefined && (parameter.required || !same(value, parameter.default ?? null)))
      config[parameter.name] = value;
  }
  return config;
}

function presetChoose(index) {
  byId('preset').value = String(index);
  const {values} = presets[index];
  byId('input').value = pretty(values);
}

function layerChoose() {
  const layer = chosenLayer();
  byId('layer-hint').textContent = layer.summary;
  byId('parameters').replaceChildren(
    ...layer.parameters.map(parameter => fieldOf(parameter, layer)));
  const current = byId('preset').value === '' ? null : presets[Number(byId('preset').value)];
  const list = presets.map((preset, index) => ({...preset, index}))
    .filter(preset => preset.axes === layer.spatial);
  byId('preset').replaceChildren(
    ...list.map(preset => element('option', {value: preset.index}, preset.name)));
  const made = list.find(preset => preset.layer === layer.class_name); // what only this layer needs
  if (made)
    presetChoose(made.index);
  else if (current && current.axes === layer.spatial)
    byId('preset').value = String(presets.indexOf(current));
  else if (list.length > 0)
    presetChoose(list[0].index);
}

// --- Problems, at the field they name ---

function problemsClear() {
  byId('problem').hidden = true;
  for (const field of document.querySelectorAll('[data-pointer]')) {
    field.querySelector('.problem').hidden = true;
    field.querySelector('input, select, textarea').removeAttribute('aria-invalid');
  }
}

// "/layer/config/strides/1" belongs to the field of "/layer/config/strides".
function fieldAt(pointer) {
  const fields = [...document.querySelectorAll('[data-pointer]')];
  return fields
    .filter(({dataset}) => pointer === dataset.pointer || pointer.startsWith(`${dataset.pointer}/`))
    .sort((a, b) => b.dataset.pointer.length - a.dataset.pointer.length)[0];
}

function problemShow(pointer, detail, focus) {
  const field = fieldAt(pointer ?? '');
  const place = field ? field.querySelector('.problem') : byId('problem');
  place.textContent = detail;
  place.hidden = false;
  if (!field)
    return;
  const control = field.querySelector('input, select, textarea');
  control.setAttribute('aria-invalid', 'true');
  if (focus)
    control.focus();
}

class Problem extends Error {
  constructor(detail, pointer) {
    super(detail);
    this.pointer = pointer;
  }
}

// --- Requests ---

async function problemOf(response) {
  const problem = await response.json().catch(() => ({}));
  const first = problem.errors?.[0];
  return new Problem(first?.detail ?? problem.detail ?? `The service answered ${response.status}.`,
    first?.pointer);
}

async function ask(path, request, signal) {
  const response = await fetch(path, {method: 'POST', signal,
    headers: {'Content-Type': 'application/json'}, body: JSON.stringify(request)});
  if (!response.ok)
    throw await problemOf(response);
  return response;
}

async function figure(request, signal) {
  const response = await ask('upsample', request, signal);
  return {blob: await response.blob(), headers: response.headers};
}

async function figureShow(id, title, {blob, headers}) {
  const image = byId(id);
  const shape = headers.get('X-Output-Shape').split(',').join(' × ');
  const caption = `${title}: ${shape}, values from ${headers.get('X-Value-Min')} ` +
    `to ${headers.get('X-Value-Max')}`;
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(blob);
  image.alt = caption;
  byId(`${id}-caption`).textContent = caption;
  await image.decode();
}

// "decode 0.1, compute 0.2 ms" of Server-Timing.
function timingShow(headers) {
  const phases = [...(headers.get('Server-Timing') ?? '').matchAll(/(\w+);dur=([\d.]+)/g)];
  byId('timing').textContent = phases.length > 0
    ? `Time in the service: ${phases.map(([, name, ms]) => `${name} ${Number(ms).toPrecision(2)}`).join(', ')} ms.` : '';
}

function warningsShow(headers) {
  const warnings = JSON.parse(headers.get('X-Warnings') ?? '[]');
  const others = warnings.filter(({code}) => code !== 'checkerboard'); // the diagnosis says that
  byId('warnings').replaceChildren(...others.map(({detail}) => element('li', {}, detail)));
  byId('warnings').hidden = others.length === 0;
}

function inputOf() {
  try {
    return JSON.parse(byId('input').value);
  } catch (error) {
    throw new Problem(`This is no JSON: ${error.message}.`, '/input');
  }
}

function requestOf() {
  const layer = chosenLayer();
  const draws = layer.parameters.some(({type}) => type === 'initializer');
  return {input: inputOf(), layer: {class_name: layer.class_name, config: configOf(layer)},
    ...(draws ? {set_random_seed: SEED} : {}),
    output: {format: 'png', cmap: byId('cmap').value}};
}

async function both(request, signal) {
  const {input, output} = request;
  const [before, after] = await Promise.allSettled([
    figure({input, layers: [], output}, signal), figure(request, signal)]);
  signal.throwIfAborted();
  if (after.status === 'rejected')
    throw after.reason;
  if (before.status === 'rejected')
    throw before.reason;
  await figureShow('before', 'Input', before.value);
  await figureShow('after', request.layer.class_name, after.value);
  warningsShow(after.value.headers);
  timingShow(after.value.headers);
}

// The numbers behind the figures, for inputs that are small enough to point at.
async function why({output, ...request}, signal) {
  const [answer, plan] = await Promise.all([
    ask('upsample', {...request, output: {format: 'json'}}, signal).then(response => response.json()),
    ask('plan?weights=true', request, signal).then(response => response.json())]);
  await whyShow(request, answer, plan, chosenLayer().spatial, output.cmap);
}

async function run(focus) {
  running?.abort();
  const mine = running = new AbortController();
  const figures = byId('figures');
  figures.setAttribute('aria-busy', 'true');
  problemsClear();
  try {
    const request = requestOf();
    byId('json').textContent = pretty(request);
    byId('curl').textContent = curlOf(request);
    byId('python').textContent = pythonLinesOf(request);
    byId('script').textContent = scriptLinesOf(request);
    await both(request, mine.signal);
    await why(request, mine.signal);
    stateKeep(request);
    if (!byId('compared').hidden)
      await compare(mine.signal);
    figures.classList.remove('stale');
    byId('status').textContent = '';
  } catch (error) {
    if (mine.signal.aborted)
      return;
    figures.classList.add('stale');
    whyHide(); // it would explain what nobody asked for
    byId('status').textContent = byId('after').alt && 'The figures are those of the request before.';
    problemShow(error.pointer,
      error instanceof Problem ? error.message : `The service does not answer: ${error.message}`, focus);
  }
  if (running === mine)
    figures.setAttribute('aria-busy', 'false');
}

// --- The address ---

function stateKeep({input, layer, output}) {
  const text = encodeURIComponent(JSON.stringify({input, layer, cmap: output.cmap}));
  if (text.length < 100000)
    history.replaceState(null, '', `#${text}`);
}

// What the address says, or null.
function stateOf() {
  try {
    const state = JSON.parse(decodeURIComponent(location.hash.slice(1)));
    return catalogue.some(({class_name: name}) => name === state.layer?.class_name) ? state : null;
  } catch {
    return null;
  }
}

function stateApply({input, layer, cmap}) {
  byId('layer').value = layer.class_name;
  layerChoose();
  byId('input').value = pretty(input);
  if (cmap)
    byId('cmap').value = cmap;
  for (const [name, value] of Object.entries(layer.config ?? {})) {
    const control = byId(`parameter-${name}`);
    if (control?.type === 'checkbox')
      control.checked = value === true;
    else if (control)
      control.value = value === null ? NOTHING : typeof value === 'object' ? JSON.stringify(value) : value;
  }
}

// --- Drawing, dropping, comparing ---

let painted; // of the debounce

function paint(y, x) {
  let values;
  try {
    values = inputOf();
  } catch (error) {
    problemShow(error.pointer, error.message, false);
    return;
  }
  const value = Number(byId('brush').value);
  const row = Array.isArray(values[0]) ? values[y] : values;
  if (Array.isArray(row?.[x]))
    row[x].fill(value);
  else if (row)
    row[x] = value;
  byId('input').value = pretty(values);
  clearTimeout(painted);
  painted = setTimeout(() => run(false), 60);
}

// A small file's values as text, so that its cells can be seen and drawn on; a large one as it is.
async function editable(input) {
  const plan = await (await ask('plan', {input, layers: []})).json();
  if (plan.input_shape.reduce((product, extent) => product * extent, 1) > TEXT_VALUES_MAX)
    return input;
  const answer = await ask('upsample', {input, layers: [], output: {format: 'json'}});
  return (await answer.json()).output;
}

async function drop(event) {
  const file = event.dataTransfer?.files[0];
  if (!file)
    return;
  event.preventDefault();
  try {
    byId('input').value = pretty(await editable(await tensorOf(file)));
    await run(false);
  } catch (error) {
    problemShow('/input', `${file.name} cannot be read: ${error.message}`, false);
  }
}

async function compare(signal) {
  byId('compare-error').hidden = true;
  try {
    await compareShow(inputOf(), byId('cmap').value, signal);
  } catch (error) {
    if (signal?.aborted)
      return;
    byId('compared').hidden = true;
    byId('compare-error').textContent = error.message;
    byId('compare-error').hidden = false;
  }
}

function toolsOffer() {
  whyStart(paint);
  document.addEventListener('dragover', event => event.preventDefault());
  document.addEventListener('drop', drop);
  byId('compare').addEventListener('click', () => compare());
  for (const button of document.querySelectorAll('[data-download]'))
    button.addEventListener('click', () => download(requestOf(), button.dataset.download)
      .catch(error => problemShow(undefined, error.message, false)));
}

// --- Start ---

function copyOffer() {
  for (const button of document.querySelectorAll('[data-copy]')) {
    button.hidden = !navigator.clipboard; // there is none but on localhost and over TLS
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(byId(button.dataset.copy).textContent);
      byId('status').textContent = 'Copied.';
    });
  }
}

async function start() {
  copyOffer();
  const response = await fetch('layers');
  if (!response.ok)
    throw await problemOf(response);
  catalogue = (await response.json()).layers;
  const names = catalogue.map(layer => layer.class_name);
  const group = (label, wanted) => element('optgroup', {label},
    ...optionList(names.filter(name => upsamples.test(name) === wanted), firstLayer));
  byId('layer').replaceChildren(group('Layers that upsample', true), group('Others', false));
  layerChoose();
  const state = stateOf();
  if (state)
    stateApply(state);
  toolsOffer();
  byId('layer').addEventListener('change', layerChoose);
  byId('preset').addEventListener('change', event => presetChoose(Number(event.target.value)));
  byId('form').addEventListener('change', () => run(false));
  byId('form').addEventListener('submit', event => {
    event.preventDefault();
    run(true);
  });
  await run(false);
}

start().catch(error => problemShow(undefined, `The catalogue of layers cannot be read: ${error.message}`));
