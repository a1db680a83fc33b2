// What the page can start from: inputs by the number of axes that a layer works along, each made by
// a formula, and what a layer starts with.
import {shapeOf} from './image.js';

const filled = (shape, value, at = []) => shape.length === 0
  ? value(...at)
  : Array.from({length: shape[0]}, (_, i) => filled(shape.slice(1), value, [...at, i]));
const within = (low, high, ...at) => at.every(i => i >= low && i < high) ? 1 : 0;
const clamp = value => Math.min(Math.max(value, 0), 1);
const short = value => Math.round(value * 100) / 100;

// How far (x, y) is from the line between two points.
function distance(x, y, [ax, ay], [bx, by]) {
  const along = clamp(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2));
  return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay));
}

const two = [[2.5, 3.6], [3.6, 2.2], [5.6, 1.8], [7.4, 2.6], [7.8, 4.3], [6.8, 6], [2.6, 9.6], [8.3, 9.6]];
const digit = (y, x) => short(clamp(1.35 - Math.min(...two.slice(1).map((end, i) => distance(x, y, two[i], end)))));

// A hill before a sky with a sun, and their reflection in water, lit and rough like a photograph.
function landscape(y, x) {
  const ridge = 13 + 4 * Math.sin(x / 5) - 3 * Math.cos(x / 11 + 1) + Math.sin(x * 1.3) * 0.6;
  const rough = Math.sin(12.9898 * x + 78.233 * y) * 43758.5453;
  const grain = 0.06 * (rough - Math.floor(rough) - 0.5);
  const sun = clamp(5.2 - Math.hypot(x - 23, y - 6));
  if (y < ridge)
    return short(clamp(0.45 + 0.018 * y + 0.5 * sun + grain));
  if (y < 22)
    return short(clamp(0.32 - 0.02 * (y - ridge) + 0.08 * Math.sin(x / 2 + y) + grain));
  return short(clamp(0.4 + 0.25 * Math.sin(y * 1.7 + 0.3 * x) * Math.exp(-Math.abs(x - 23) / 9) + grain));
}

// Made when somebody asks for its values: not before the page shows its first.
const preset = (name, axes, shape, formula, layer) => {
  let made;
  return {name, axes, shape, layer, get values() { return made ??= filled(shape, formula); }};
};

export const presets = [
  preset('a square, 8×8', 2, [8, 8], (y, x) => within(2, 6, y, x)),
  preset('a digit, 12×12', 2, [12, 12], digit),
  preset('a checkerboard, 8×8', 2, [8, 8], (y, x) => (y + x) % 2),
  preset('a gradient, 8×8', 2, [8, 8], (y, x) => x),
  preset('a landscape, 32×32', 2, [32, 32], landscape),
  preset('one pixel, 5×5', 2, [5, 5], (y, x) => within(2, 3, y, x)),
  preset('all ones, 8×8', 2, [8, 8], () => 1),
  preset('a diagonal, 8×8', 2, [8, 8], (y, x) => y === x ? 1 : 0),
  preset('four channels, 4×4×4', 2, [4, 4, 4], (y, x, c) => y === x ? c + 1 : 0, 'PixelShuffle'),
  preset('a pulse, 12', 1, [12], x => within(4, 8, x)),
  preset('one value, 9', 1, [9], x => within(4, 5, x)),
  preset('a ramp, 12', 1, [12], x => x),
  preset('a cube, 4×4×4', 3, [4, 4, 4], (z, y, x) => within(1, 3, z, y, x)),
  preset('a ball, 8×8×8', 3, [8, 8, 8], (z, y, x) => short(clamp(3.6 - Math.hypot(z - 3.5, y - 3.5, x - 3.5)))),
  preset('one voxel, 3×3×3', 3, [3, 3, 3], (z, y, x) => within(1, 2, z, y, x)),
];

// The preset of these values, or -1.
export const presetOf = input => presets.findIndex(preset =>
  preset.shape.join() === shapeOf(input).join() && JSON.stringify(preset.values) === JSON.stringify(input));

// Which layers the chooser shows first.
export const upsamples = name => /^UpSampling|Transpose$|^PixelShuffle|^Resizing$/.test(name);

// How many axes a layer works along; 0: whatever it gets.
export const axesOf = name => name === 'PixelShuffle' ? 2 : Number(/(\d)D/.exec(name)?.[1] ?? 0);

// What a layer starts with: the notebook's kernel of ones, and something where there is no default.
const notebook = {filters: 1, kernel_size: 3, strides: 2, padding: 'same', kernel_initializer: 'Ones'};
const starts = {filters: 1, kernel_size: 3, padding: 'same', units: 1, pool_size: 2, output_size: 4,
  rate: 0.5, stddev: 1, scale: 2, n: 2, target_shape: [16, 4], dims: [2, 1, 3], axes: 1};

export function configStart(layer) {
  const config = {};
  for (const {name, required} of layer.parameters) {
    if (/Transpose$/.test(layer.class_name) && name in notebook)
      config[name] = notebook[name];
    else if (name in starts && (required || (name === 'padding' && /^Conv/.test(layer.class_name))))
      config[name] = starts[name];
  }
  return config;
}

// The notebook's question in two pictures.
export const firstState = () => ({
  input: presets[0].values,
  pipelines: [[{class_name: 'Conv2DTranspose', config: {...notebook}}],
    [{class_name: 'UpSampling2D', config: {}}]],
  chosen: {pipeline: 0, layer: 0},
  view: 'outputs', cmap: 'gray', shared: false});
