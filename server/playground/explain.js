// Which inputs and which kernel positions make one output: the terms of its sum.
//
// Along an axis output o takes input i through kernel position k where
//   transposed convolution:  i * stride + k * dilation - crop = o
//   convolution:             i = o * stride + k * dilation - before
//   nearest upsampling:      i = floor(o / size)
//   bilinear and bicubic:    the inputs around (o + 0.5) / size - 0.5, weighted by their distance
//   PixelShuffle:            i = floor(o / block), from a channel that the place in the block says
// Axes are [z, y, x]; those that a layer does not have are of length 1 and come first.
// A term is {at: {z, y, x, channel}, kernel: [ky, kx], weight, value}; `kernel` of convolutions only.

const known = {
  Conv1DTranspose: {axes: 1, transposed: true},
  Conv2DTranspose: {axes: 2, transposed: true},
  Conv3DTranspose: {axes: 3, transposed: true},
  Conv1D: {axes: 1},
  Conv2D: {axes: 2},
  Conv3D: {axes: 3},
  UpSampling1D: {axes: 1, resizes: true},
  UpSampling2D: {axes: 2, resizes: true},
  UpSampling3D: {axes: 3, resizes: true},
  PixelShuffle: {axes: 2, shuffles: true},
};

const listOf = (value, axes, fallback) =>
  [...Array(3 - axes).fill(1), ...(Array.isArray(value) ? value : Array(axes).fill(value ?? fallback))];

// [z, y, x] of a shape with a batch and channels around the axes.
export const sidesOf = (shape, axes) => listOf(shape.slice(-axes - 1, -1), axes);

// Keys' cubic with a = -1/2; TensorFlow looks it up at so many places between two inputs.
const CUBIC_STEPS = 1024;
const cubic = t => t < 1 ? (1.5 * t - 2.5) * t * t + 1 : t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;

// Pairs [input, weight] around a place between the inputs of an axis.
const around = {
  nearest: (place, length) => [[Math.min(Math.floor(place + 0.5), length - 1), 1]],
  bilinear(place, length) {
    const low = Math.floor(place), part = place - low;
    return [[Math.max(low, 0), 1 - part], [Math.min(low + 1, length - 1), part]];
  },
  bicubic(place, length) {
    const low = Math.floor(place), part = Math.round((place - low) * CUBIC_STEPS) / CUBIC_STEPS;
    const pairs = [-1, 0, 1, 2].map(i => [low + i, cubic(Math.abs(part - i))])
      .filter(([i]) => i >= 0 && i < length);
    const sum = pairs.reduce((total, [, weight]) => total + weight, 0);
    return pairs.map(([i, weight]) => [i, weight / sum]);
  },
};

// How a layer gathers, or null where this page cannot say; from and to are the sides of its input and
// output.
export function gatherOf({class_name: name, config = {}}, from, to) {
  const kind = known[name];
  if (!kind || config.data_format === 'channels_first' || (config.groups ?? 1) !== 1)
    return null;
  const {axes} = kind;
  if (kind.shuffles)
    return {axes, block: listOf(config.block_size, axes, 2)};
  if (kind.resizes) {
    const way = around[config.interpolation ?? 'nearest'];
    return way ? {axes, way, size: listOf(config.size, axes, 2)} : null;
  }
  if (config.activation && config.activation !== 'linear')
    return null;
  const kernel = listOf(config.kernel_size, axes, 1), stride = listOf(config.strides, axes, 1);
  const dilation = listOf(config.dilation_rate, axes, 1);
  const same = config.padding === 'same', causal = config.padding === 'causal';
  const before = kernel.map((k, axis) => {
    const reach = (k - 1) * dilation[axis] + 1;
    const [few, many] = kind.transposed ? [from, to] : [to, from];
    const pad = (few[axis] - 1) * stride[axis] + reach - many[axis];
    return causal ? reach - 1 : same ? Math.floor(Math.max(pad, 0) / 2) : 0;
  });
  return {axes, transposed: kind.transposed === true, kernel, stride, dilation, before};
}

// A layer that leaves every value where it is.
export const gatherInPlace = axes => ({axes, size: [1, 1, 1], inPlace: true});

// Pairs [input, kernel position or weight] of one output along one axis.
function pairsOf(gather, axis, output, length) {
  if (gather.block)
    return [[Math.floor(output / gather.block[axis]), 1]];
  if (gather.size)
    return gather.size[axis] === 1 ? [[output, 1]] : gather.way((output + 0.5) / gather.size[axis] - 0.5, length);
  const pairs = [];
  for (let k = 0; k < gather.kernel[axis]; k++) {
    const shift = k * gather.dilation[axis] - gather.before[axis];
    const at = gather.transposed ? output - shift : output * gather.stride[axis] + shift;
    const input = gather.transposed ? at / gather.stride[axis] : at;
    if (Number.isInteger(input) && input >= 0 && input < length)
      pairs.push([input, k]);
  }
  return pairs;
}

// Along an axis of so many inputs: those that some outputs see, and the outputs that see some inputs.
export const inputsOf = (gather, axis, outputs, length) =>
  [...new Set(outputs.flatMap(o => pairsOf(gather, axis, o, length).map(([i]) => i)))];
export const outputsOf = (gather, axis, inputs, length, outputs) =>
  [...Array(outputs).keys()].filter(o => pairsOf(gather, axis, o, length).some(([i]) => inputs.includes(i)));

const lengthsOf = ({depth, height, width}) => [depth, height, width];

function termOf(gather, input, kernel, pairs, {y, x}, channel, c) {
  const [iz, iy, ix] = pairs.map(([i]) => i), places = pairs.map(([, place]) => place);
  const at = {z: iz, y: iy, x: ix, channel: c}, value = input.at(iz, iy, ix, c);
  if (gather.block) {
    const outputs = input.channels / (gather.block[1] * gather.block[2]);
    const from = (y % gather.block[1] * gather.block[2] + x % gather.block[2]) * outputs + channel;
    return {at: {...at, channel: from}, weight: 1, value: input.at(iz, iy, ix, from)};
  }
  if (gather.size)
    return {at, weight: places.reduce((product, weight) => product * weight, 1), value};
  const position = places.reduce((part, place) => part[place], kernel);
  return {at, kernel: places.slice(3 - gather.axes), value,
    weight: gather.transposed ? position[channel][c] : position[c][channel]};
}

// `input` is a volume (image.js); kernel[kz][ky][kx] of two channel axes in Keras' order.
export function termsOf(gather, input, kernel, cell, channel) {
  const [down, along, across] = [cell.z, cell.y, cell.x].map((o, axis) => pairsOf(gather, axis, o, lengthsOf(input)[axis]));
  const channels = gather.kernel ? [...Array(input.channels).keys()] : [channel];
  return down.flatMap(z => along.flatMap(y => across.flatMap(x =>
    channels.map(c => termOf(gather, input, kernel, [z, y, x], cell, channel, c)))));
}

// How many kernel positions reach each output, in lists of z, y and x.
export function overlapOf(gather, input, output) {
  const counts = lengthsOf(output).map((length, axis) =>
    Array.from({length}, (_, o) => pairsOf(gather, axis, o, lengthsOf(input)[axis]).length));
  return counts[0].map(z => counts[1].map(y => counts[2].map(x => z * y * x)));
}
