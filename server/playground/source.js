// Changing the input: presets, its values as text, files, drawing on its picture.
import {byId, element} from './dom.js';
import {stateWithAxes} from './editor.js';
import {pretty, problemsClear, problemShow} from './forms.js';
import {presetOf, presets} from './presets.js';
import {askJson} from './service.js';
import {pipelineAxes} from './state.js';
import {tensorOf} from './takeaway.js';

const PAINT_PAUSE_MS = 60;
// A dropped file of at most so many values becomes text that can be edited and drawn on.
const TEXT_VALUES_MAX = 16384;

let page, painted;

const field = () => byId('input').closest('.field');

export function sourceShow({input}) {
  const text = pretty(input), index = presetOf(input);
  byId('preset').value = index < 0 ? '' : String(index);
  if (document.activeElement !== byId('input'))
    byId('input').value = text;
}

export const sourceProblem = (problem, focus) => problemShow(field(), problem.message, focus);

function valuesRead() {
  try {
    return JSON.parse(byId('input').value);
  } catch (error) {
    problemShow(field(), `This is no JSON: ${error.message}.`, false);
    return undefined;
  }
}

// The picture follows at once, the service when the hand rests.
export function paint(y, x) {
  const values = valuesRead();
  if (!Array.isArray(values))
    return;
  const state = page.get(), value = Number(byId('brush').value), axes = pipelineAxes(state.pipelines[0]);
  const z = Number(byId('input-slice').value), plane = axes === 3 ? values[z] : values;
  const row = Array.isArray(plane?.[0]) && axes !== 1 ? plane[y] : plane;
  if (Array.isArray(row?.[x]))
    row[x].fill(value);
  else if (row?.[x] !== undefined)
    row[x] = value;
  byId('input').value = pretty(values);
  page.take({...state, input: values});
  clearTimeout(painted);
  painted = setTimeout(() => page.set(page.get()), PAINT_PAUSE_MS);
}

// A small file's values as text, so that its cells can be seen and drawn on; a large one as it is.
async function editable(input) {
  const plan = await askJson('plan', {input, layers: []});
  if (plan.input_shape.reduce((product, extent) => product * extent, 1) > TEXT_VALUES_MAX)
    return input;
  return (await askJson('upsample', {input, layers: [], output: {format: 'json'}})).output;
}

async function fileTake(file) {
  if (!file)
    return;
  try {
    const input = await editable(await tensorOf(file));
    await page.set({...page.get(), input});
  } catch (error) {
    problemShow(field(), `${file.name} cannot be read: ${error.message}`, false);
  }
}

function presetsStart() {
  const groups = [[2, 'images'], [1, 'sequences'], [3, 'volumes']];
  byId('preset').replaceChildren(new Option('your own', ''), ...groups.map(([axes, label]) =>
    element('optgroup', {label}, ...presets.flatMap((preset, i) => preset.axes === axes ? [new Option(preset.name, i)] : []))));
  byId('preset').addEventListener('change', event => {
    const preset = presets[event.target.value];
    if (preset)
      page.set({...stateWithAxes(page.get(), preset.axes), input: preset.values});
  });
}

// `get()`: the state now; `set(state)`: show and run it; `take(state)`: only show its input.
export function sourceStart(of) {
  page = of;
  presetsStart();
  byId('input').addEventListener('change', () => {
    problemsClear();
    const input = valuesRead();
    if (input !== undefined)
      page.set({...page.get(), input});
  });
  byId('file').addEventListener('change', event => fileTake(event.target.files[0]));
  document.addEventListener('dragover', event => event.preventDefault());
  document.addEventListener('drop', event => {
    event.preventDefault();
    fileTake(event.dataTransfer?.files[0]);
  });
  byId('finger').addEventListener('change', event =>
    byId('input-cells').classList.toggle('drawing', event.target.checked));
}
