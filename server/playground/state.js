// The page's state: one object that is never changed, only replaced. It stands in the address, so
// that a link opens it again.
import {axesOf, firstState} from './presets.js';

// Weights that are drawn are the same for every request of the page, and for who opens its link.
const SEED = 1;
const ADDRESS_BYTES_MAX = 100000;
export const PIPELINES_MAX = 6, LAYERS_MAX = 8;

const isPipelines = value => Array.isArray(value) && value.length > 0 && value.length <= PIPELINES_MAX &&
  value.every(layers => Array.isArray(layers) && layers.length > 0 && layers.length <= LAYERS_MAX &&
    layers.every(layer => typeof layer?.class_name === 'string'));

// What the address says, or what the page opens with.
export function stateOpen() {
  try {
    const state = JSON.parse(decodeURIComponent(location.hash.slice(1)));
    return isPipelines(state.pipelines) && state.input !== undefined
      ? {...firstState(), ...state, chosen: {pipeline: 0, layer: 0}} : firstState();
  } catch {
    return firstState();
  }
}

export function stateKeep({input, pipelines, view, cmap, shared}) {
  const text = encodeURIComponent(JSON.stringify({input, pipelines, view, cmap, shared}));
  if (text.length < ADDRESS_BYTES_MAX)
    history.replaceState(null, '', `#${text}`);
}

export const withPipeline = (state, index, layers) =>
  ({...state, pipelines: state.pipelines.with(index, layers)});

export const chosenLayer = ({pipelines, chosen}) => pipelines[chosen.pipeline][chosen.layer];

export function withLayer(state, layer) {
  const {pipeline, layer: index} = state.chosen;
  return withPipeline(state, pipeline, state.pipelines[pipeline].with(index, layer));
}

// The axes that a pipeline's images have: of its first layer that says so.
export const pipelineAxes = layers =>
  layers.map(({class_name: name}) => axesOf(name)).find(axes => axes > 0) ?? 0;

// A pipeline as a request; `last`: without the layers behind that one.
export function requestOf({input}, layers, last = layers.length) {
  const some = layers.slice(0, last).map(({class_name, config, weights}) =>
    ({class_name, ...(Object.keys(config ?? {}).length > 0 ? {config} : {}), ...(weights ? {weights} : {})}));
  return {input, ...(some.length === 1 ? {layer: some[0]} : {layers: some}), set_random_seed: SEED};
}

// "Conv2DTranspose 3×3, stride 2 → ReLU"
export const nameOf = layers => layers.map(({class_name: name, config = {}}) => {
  const size = value => Array.isArray(value) ? value.join('×') : Array(axesOf(name) || 1).fill(value).join('×');
  return [name, config.kernel_size && size(config.kernel_size),
    config.strides && config.strides !== 1 && `stride ${config.strides}`,
    config.interpolation, config.size && `×${config.size}`].filter(Boolean).join(' ');
}).join(' → ');
