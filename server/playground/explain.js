// Which inputs and which kernel positions make one output: the terms of its sum.
//
// Along an axis output o takes input i through kernel position k where
//   transposed convolution:  i * stride + k * dilation - crop = o
//   convolution:             i = o * stride + k * dilation - before
//   nearest upsampling:      i = floor(o / size)
// A term is {at: [y, x, channel], kernel: [ky, kx], weight, value}.

const known = {
  Conv1DTranspose: {axes: 1, transposed: true},
  Conv2DTranspose: {axes: 2, transposed: true},
  Conv1D: {axes: 1},
  Conv2D: {axes: 2},
  UpSampling1D: {axes: 1, repeats: true},
  UpSampling2D: {axes: 2, repeats: true},
};

const listOf = (value, axes, fallback) => {
  const list = Array.isArray(value) ? value : Array(axes).fill(value ?? fallback);
  return axes === 1 ? [1, list[0]] : list;
};

// How a layer gathers, or null where this page cannot say.
export function gatherOf(layer, inputShape, outputShape) {
  const kind = known[layer.class_name], config = layer.config;
  if (!kind || config.data_format === 'channels_first' || (config.groups ?? 1) !== 1)
    return null;
  const {axes} = kind;
  if (kind.repeats)
    return (config.interpolation ?? 'nearest') === 'nearest'
      ? {repeats: true, size: listOf(config.size, axes, 2)} : null;
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

// Pairs [input, kernel position] of one output along one axis.
function pairsOf(gather, axis, output, length) {
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

// input[y][x][channel]; kernel[ky][kx] of two channel axes in Keras' order.
export function termsOf(gather, input, kernel, output, channel) {
  const height = input.length, width = input[0].length;
  if (gather.repeats) {
    const y = Math.floor(output.y / gather.size[0]), x = Math.floor(output.x / gather.size[1]);
    return [{at: [y, x, channel], weight: 1, value: input[y][x][channel]}];
  }
  const terms = [];
  for (const [y, ky] of pairsOf(gather, 0, output.y, height))
    for (const [x, kx] of pairsOf(gather, 1, output.x, width))
      input[y][x].forEach((value, c) => {
        const place = kernel[ky][kx];
        const weight = gather.transposed ? place[channel][c] : place[c][channel];
        terms.push({at: [y, x, c], kernel: [ky, kx], weight, value});
      });
  return terms;
}

// How many kernel positions reach each output.
export function overlapOf(gather, input, shape) {
  const count = (axis, length) => output =>
    gather.repeats ? 1 : pairsOf(gather, axis, output, length).length;
  const down = count(0, input.length), across = count(1, input[0].length);
  return Array.from({length: shape[0]}, (_, y) =>
    Array.from({length: shape[1]}, (__, x) => down(y) * across(x)));
}
