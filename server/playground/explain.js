// Which inputs and which kernel positions make one output: the terms of its sum.
//
// Along an axis output o takes input i through kernel position k where
//   transposed convolution:  i * stride + k * dilation - crop = o
//   convolution:             i = o * stride + k * dilation - before
//   nearest upsampling:      i = floor(o / size)
//   bilinear and bicubic:    the inputs around (o + 0.5) / size - 0.5, weighted by their distance
//   PixelShuffle:            i = floor(o / block), from a channel that the place in the block says
// A term is {at: [y, x, channel], kernel: [ky, kx], weight, value}; `kernel` of convolutions only.

const known = {
  Conv1DTranspose: {axes: 1, transposed: true},
  Conv2DTranspose: {axes: 2, transposed: true},
  Conv1D: {axes: 1},
  Conv2D: {axes: 2},
  UpSampling1D: {axes: 1, resizes: true},
  UpSampling2D: {axes: 2, resizes: true},
  PixelShuffle: {axes: 2, shuffles: true},
};

const listOf = (value, axes, fallback) => {
  const list = Array.isArray(value) ? value : Array(axes).fill(value ?? fallback);
  return axes === 1 ? [1, list[0]] : list;
};

// Keys' cubic with a = -1/2.
const cubic = t => t < 1 ? (1.5 * t - 2.5) * t * t + 1 : t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;

// Pairs [input, weight] around a place between the inputs of an axis.
const around = {
  nearest: (place, length) => [[Math.min(Math.floor(place + 0.5), length - 1), 1]],
  bilinear(place, length) {
    const low = Math.floor(place), part = place - low;
    return [[Math.max(low, 0), 1 - part], [Math.min(low + 1, length - 1), part]];
  },
  bicubic(place, length) {
    const low = Math.floor(place);
    const pairs = [-1, 0, 1, 2].map(i => [low + i, cubic(Math.abs(place - low - i))])
      .filter(([i]) => i >= 0 && i < length);
    const sum = pairs.reduce((total, [, weight]) => total + weight, 0);
    return pairs.map(([i, weight]) => [i, weight / sum]);
  },
};

// How a layer gathers, or null where this page cannot say. Shapes are [height, width].
export function gatherOf({class_name: name, config = {}}, inputShape, outputShape) {
  const kind = known[name];
  if (!kind || config.data_format === 'channels_first' || (config.groups ?? 1) !== 1)
    return null;
  const {axes} = kind;
  if (kind.shuffles)
    return {block: config.block_size ?? 2};
  if (kind.resizes) {
    const way = around[config.interpolation ?? 'nearest'];
    return way ? {way, nearest: way === around.nearest, size: listOf(config.size, axes, 2)} : null;
  }
  if (config.activation && config.activation !== 'linear')
    return null;
  const kernel = listOf(config.kernel_size, axes, 1), stride = listOf(config.strides, axes, 1);
  const dilation = listOf(config.dilation_rate, axes, 1);
  const same = (config.padding ?? 'valid') === 'same';
  const before = kernel.map((k, axis) => {
    const reach = (k - 1) * dilation[axis] + 1;
    const pad = kind.transposed ? reach - stride[axis]
      : (outputShape[axis] - 1) * stride[axis] + reach - inputShape[axis];
    return same ? Math.floor(Math.max(pad, 0) / 2) : 0;
  });
  return {transposed: kind.transposed === true, kernel, stride, dilation, before};
}

// Pairs [input, kernel position or weight] of one output along one axis.
function pairsOf(gather, axis, output, length) {
  if (gather.block)
    return [[Math.floor(output / gather.block), 1]];
  if (gather.way)
    return gather.way((output + 0.5) / gather.size[axis] - 0.5, length);
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

// `input` is a volume of one plane (image.js); kernel[ky][kx] of two channel axes in Keras' order.
export function termsOf(gather, input, kernel, {y, x}, channel) {
  const terms = [];
  const value = (iy, ix, c) => input.at(0, iy, ix, c);
  for (const [iy, py] of pairsOf(gather, 0, y, input.height))
    for (const [ix, px] of pairsOf(gather, 1, x, input.width)) {
      if (gather.block) {
        const outputs = input.channels / gather.block ** 2;
        const c = (y % gather.block * gather.block + x % gather.block) * outputs + channel;
        terms.push({at: [iy, ix, c], weight: 1, value: value(iy, ix, c)});
      } else if (gather.way) {
        terms.push({at: [iy, ix, channel], weight: py * px, value: value(iy, ix, channel)});
      } else {
        for (let c = 0; c < input.channels; c++) {
          const place = kernel[py][px];
          const weight = gather.transposed ? place[channel][c] : place[c][channel];
          terms.push({at: [iy, ix, c], kernel: [py, px], weight, value: value(iy, ix, c)});
        }
      }
    }
  return terms;
}

// How many kernel positions reach each output.
export function overlapOf(gather, input, {height, width}) {
  const count = (axis, length) => output => gather.kernel ? pairsOf(gather, axis, output, length).length : 1;
  const down = count(0, input.height), across = count(1, input.width);
  return Array.from({length: height}, (_, y) => Array.from({length: width}, (__, x) => down(y) * across(x)));
}
