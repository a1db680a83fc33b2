// The kernel of a small layer as a grid of numbers that can be changed, one plane at a time.
import {byId, element} from './dom.js';
import {textOf} from './heatmap.js';

const SIDE_MAX = 11, PLANES_MAX = 64;

let values = null, shape = null, others = [], change;

// The kernel's numbers of (ky, kx) for one pair of channels: kernel[ky][kx][a][b], or kernel[kx][a][b].
const placed = () => shape.length === 4 ? values : [values];
const sides = () => shape.length === 4 ? shape.slice(0, 2) : [1, shape[0]];

function gridShow() {
  const [height, width] = sides(), [a, b] = byId('weight-plane').value.split(',').map(Number);
  byId('weight-grid').style.setProperty('--columns', width);
  byId('weight-grid').replaceChildren(...Array.from({length: height * width}, (_, i) => {
    const y = Math.floor(i / width), x = i % width;
    const control = element('input', {type: 'number', step: 'any', autocomplete: 'off', 'data-at': shape.length === 4 ? `${y},${x}` : String(x),
      'aria-label': `kernel[${height > 1 ? `${y}, ` : ''}${x}]`});
    control.value = textOf(placed()[y][x][a][b]);
    control.addEventListener('change', () => {
      placed()[y][x][a][b] = Number(control.value) || 0;
      change([values, ...others]);
    });
    return control;
  }));
}

// plan: the layer's row of POST /plan, with weights; own: whether the layer's weights are given.
export function weightsShow(plan, own) {
  const kernel = plan?.weights?.[0];
  const fits = kernel && (kernel.shape.length === 4 || kernel.shape.length === 3) &&
    kernel.shape.slice(0, -2).every(side => side <= SIDE_MAX) && kernel.shape.at(-1) * kernel.shape.at(-2) <= PLANES_MAX;
  byId('weights').hidden = !fits;
  if (!fits)
    return;
  const kept = byId('weight-plane').value;
  ({values, shape} = structuredClone(kernel));
  others = plan.weights.slice(1).map(weight => weight.values);
  const planes = Array.from({length: shape.at(-2) * shape.at(-1)}, (_, i) =>
    `${Math.floor(i / shape.at(-1))},${i % shape.at(-1)}`);
  byId('weight-plane').replaceChildren(...planes.map(name => new Option(name, name)));
  byId('weight-plane').value = planes.includes(kept) ? kept : planes[0];
  byId('weight-plane').closest('label').hidden = planes.length === 1;
  byId('weights-drop').hidden = !own;
  gridShow();
}

// The kernel positions of a sum.
export function weightsMark(terms) {
  const used = new Set(terms.filter(({kernel}) => kernel).map(({kernel}) => kernel.join()));
  for (const control of byId('weight-grid').children)
    control.classList.toggle('used', used.has(control.dataset.at));
}

// changed(weights) is told all of the layer's, or null: back to the initializer.
export function weightsStart(changed) {
  change = changed;
  byId('weight-plane').addEventListener('change', gridShow);
  byId('weights-drop').addEventListener('click', () => changed(null));
}
