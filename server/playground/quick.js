// What decides the look of an output, at its picture: no need to look for it in the form.
import {element} from './dom.js';
import {rowOf} from './editor.js';
import {upsamples} from './presets.js';
import {withPipeline} from './state.js';

const NAMES = ['kernel_size', 'strides', 'size', 'interpolation', 'block_size'];

// A list of one number for each axis is left to the form.
function controlOf({name, choices}) {
  return choices ? element('select', {name, autocomplete: 'off'}, ...choices.map(choice => new Option(choice)))
    : element('input', {name, type: 'number', min: '1', autocomplete: 'off'});
}

function fieldsMake(place, row) {
  const parameters = row?.parameters.filter(({name}) => NAMES.includes(name)) ?? [];
  place.replaceChildren(...parameters.map(parameter => element('label', {}, `${parameter.name} `, controlOf(parameter))));
  place.dataset.layer = row?.class_name ?? '';
}

// Which layer of a pipeline it is about: the first that upsamples.
const indexOf = layers => Math.max(layers.findIndex(({class_name: name}) => upsamples(name)), 0);

export function quickShow({pipelines}) {
  pipelines.forEach((layers, i) => {
    const place = document.querySelector(`#pipeline-${i} .quick`), layer = layers[indexOf(layers)];
    const row = rowOf(layer.class_name);
    if (place.dataset.layer !== row?.class_name)
      fieldsMake(place, row);
    for (const control of place.querySelectorAll('[name]')) {
      const value = layer.config?.[control.name] ?? row.parameters.find(({name}) => name === control.name).default;
      const single = [value].flat().every(part => part === [value].flat()[0]);
      control.closest('label').hidden = !single;
      control.value = [value].flat()[0];
    }
  });
}

// The pipeline that is changed is chosen as well, so that the form and the request are about it.
export function quickStart({get, set}) {
  document.getElementById('pipelines').addEventListener('change', ({target}) => {
    if (!target.closest('.quick'))
      return;
    const pipeline = Number(target.closest('.card').id.replace('pipeline-', '')), state = get();
    const layers = state.pipelines[pipeline], layer = indexOf(layers), {class_name, config} = layers[layer];
    const value = target.type === 'number' ? Number(target.value) : target.value;
    set({...withPipeline(state, pipeline, layers.with(layer, {class_name, config: {...config, [target.name]: value}})),
      chosen: {pipeline, layer}});
  });
}
