// Changing the chosen pipeline: its list of layers, the form of one of them, its weights.
import {byId, element} from './dom.js';
import {classList, configRead, fieldsOf, problemShow} from './forms.js';
import {axesOf, configStart, presets} from './presets.js';
import {chosenLayer, LAYERS_MAX, nameOf, pipelineAxes, withLayer, withPipeline} from './state.js';
import {weightsStart} from './weights.js';

let catalogue = [], shown = ''; // which layer's form is there

export const rowOf = name => catalogue.find(row => row.class_name === name);

// The same layer for another number of axes, without what that has no parameter for.
function withAxes(layer, axes) {
  const class_name = layer.class_name.replace(/\d(?=D)/, axes), row = rowOf(class_name);
  if (!row || row === rowOf(layer.class_name))
    return layer;
  const known = new Set(row.parameters.map(({name}) => name));
  return {class_name, config: Object.fromEntries(
    Object.entries(layer.config ?? {}).filter(([name, value]) => known.has(name) && !Array.isArray(value)))};
}

// All pipelines for inputs with so many axes.
export const stateWithAxes = (state, axes) =>
  ({...state, pipelines: state.pipelines.map(layers => layers.map(layer => withAxes(layer, axes)))});

// A layer of another class; the input follows where it would not fit.
function withClass(state, class_name) {
  const row = rowOf(class_name), axes = axesOf(class_name);
  const changed = withLayer(state, {class_name, config: configStart(row)});
  const made = presets.find(({layer}) => layer === class_name);
  if (made && state.pipelines[state.chosen.pipeline].length === 1)
    return {...changed, input: made.values};
  const before = pipelineAxes(state.pipelines[state.chosen.pipeline]);
  if (axes === 0 || before === 0 || axes === before)
    return changed;
  return {...stateWithAxes(changed, axes), input: presets.find(preset => preset.axes === axes).values};
}

function moved(state, by) {
  const {pipeline, layer} = state.chosen, layers = [...state.pipelines[pipeline]];
  layers.splice(layer + by, 0, ...layers.splice(layer, 1));
  return {...withPipeline(state, pipeline, layers), chosen: {pipeline, layer: layer + by}};
}

function removed(state) {
  const {pipeline, layer} = state.chosen;
  return {...withPipeline(state, pipeline, state.pipelines[pipeline].toSpliced(layer, 1)),
    chosen: {pipeline, layer: Math.max(layer - 1, 0)}};
}

function added(state) {
  const {pipeline, layer} = state.chosen, layers = state.pipelines[pipeline];
  const axes = pipelineAxes(layers) || 2, row = rowOf(`Conv${axes}D`);
  return {...withPipeline(state, pipeline,
    layers.toSpliced(layer + 1, 0, {class_name: row.class_name, config: {...configStart(row), kernel_initializer: 'Ones'}})),
  chosen: {pipeline, layer: layer + 1}};
}

function listShow(state, set) {
  const layers = state.pipelines[state.chosen.pipeline], {layer: at} = state.chosen;
  byId('editor-title').textContent = `Layers of ${nameOf(layers)}`;
  byId('layers').replaceChildren(...layers.map(({class_name: name}, i) => {
    const button = element('button', {type: 'button', 'aria-pressed': String(i === at)}, `${i + 1}. ${name}`);
    button.addEventListener('click', () => set({...state, chosen: {...state.chosen, layer: i}}));
    return element('li', {}, button);
  }));
  byId('layer-earlier').disabled = at === 0;
  byId('layer-later').disabled = at === layers.length - 1;
  byId('layer-remove').disabled = layers.length === 1;
  byId('layer-add').disabled = layers.length >= LAYERS_MAX;
}

// The form is made anew only for another layer: who types keeps the focus.
export function editorShow(state, set) {
  if (catalogue.length === 0)
    return;
  listShow(state, set);
  const layer = chosenLayer(state), {pipeline, layer: index} = state.chosen;
  const key = JSON.stringify([pipeline, index, layer.class_name, layer.config]);
  if (key === shown)
    return;
  shown = key;
  const row = rowOf(layer.class_name);
  byId('layer').replaceChildren(...classList(catalogue, layer.class_name));
  byId('layer-hint').textContent = row?.summary ?? 'The service has no such layer.';
  byId('parameters').replaceChildren(...(row ? fieldsOf(row, layer.config ?? {}) : []));
}

// Whether the pointer is about the layer whose form is there, and its field.
export function editorProblem(state, {pointer = '', message}, focus) {
  const {pipeline, layer} = state.chosen, single = state.pipelines[pipeline].length === 1;
  const base = single ? '/layer' : `/layers/${layer}`;
  const rest = pointer.startsWith(base) ? pointer.slice(base.length).replace(/^\/config/, '').split('/') : null;
  const field = rest === null ? null : rest[1]
    ? document.querySelector(`[data-parameter="${CSS.escape(rest[1])}"]`) : byId('layer').closest('.field');
  return problemShow(field, message, focus);
}

// get(): the state now; set(state): show and run it.
export function editorStart(rows, get, set) {
  catalogue = rows;
  const act = (id, change) => byId(id).addEventListener('click', () => set(change(get())));
  act('layer-earlier', state => moved(state, -1));
  act('layer-later', state => moved(state, 1));
  act('layer-remove', removed);
  act('layer-add', added);
  byId('layer').addEventListener('change', event => set(withClass(get(), event.target.value)));
  const read = focus => {
    const {class_name, weights, config} = chosenLayer(get()), next = configRead(rowOf(class_name));
    const kept = JSON.stringify(next) === JSON.stringify(config) && weights ? {weights} : {};
    shown = JSON.stringify([get().chosen.pipeline, get().chosen.layer, class_name, next]);
    set(withLayer(get(), {class_name, config: next, ...kept}), focus);
  };
  byId('parameters').addEventListener('change', () => read(false));
  byId('form').addEventListener('submit', event => {
    event.preventDefault();
    read(true);
  });
  weightsStart(weights => {
    const {class_name, config} = chosenLayer(get());
    set(withLayer(get(), {class_name, config, ...(weights ? {weights} : {})}));
  });
}
