"""What a layer gives, in float64, with a bound on what a float32 implementation may be off by.

The formulas share no code with the service nor with Keras. A transposed convolution is written as
the scatter it is defined by: input i and kernel position j meet at output i * stride + j * dilation
- crop. A convolution adds up slices of the padded input, one for each kernel position. A sum of K products may differ from its float64 value by (4 + sqrt(K)) * 2^-24 * sum |x||w|;
what a layer gets from the layer before it is off by that layer's bound already, which |w| scales.
An activation may be off by 4 units in the last place, beside what its input was off by.
"""

import math

import numpy as np

EPSILON = 2.0**-24
SMALLEST = 2.0**-126  # of the normal float32 numbers; what is below, TensorFlow takes for zero


def axis(n, kernel, stride, dilation, padding, output_padding):
    """Length of the output along one axis, and how much of the full result is cut at its start."""
    extent = (kernel - 1) * dilation + 1
    if padding == "valid":
        out = (n - 1) * stride
        out += max(extent, stride) if output_padding is None else extent + output_padding
        return out, 0
    out = n * stride if output_padding is None else (n - 1) * stride + extent % 2 + output_padding
    return out, max((n - 1) * stride + extent - out, 0) // 2


def scatter(x, kernel, axes, strides, dilations):
    """x (batch, spatial..., in), kernel (spatial..., out, in); axes: (length, crop) of the output."""
    batch = np.arange(x.shape[0])
    y = np.zeros((x.shape[0], *(length for length, _ in axes), kernel.shape[-2]))
    for position in np.ndindex(*kernel.shape[:-2]):
        used, hit = [], []
        for n, j, (length, crop), s, d in zip(x.shape[1:-1], position, axes, strides, dilations):
            o = np.arange(n) * s + j * d - crop
            inside = (o >= 0) & (o < length)
            used.append(np.flatnonzero(inside))
            hit.append(o[inside])
        y[np.ix_(batch, *hit)] += x[np.ix_(batch, *used)] @ kernel[position].T
    return y


def slices(x, kernel, layer, product):
    """Adds up product(slice of x, kernel[position]): what layer's window sees at each position."""
    extents = [(k - 1) * d + 1 for k, d in zip(layer.kernel_size, layer.dilation_rate)]
    padding, lengths = [(0, 0)], []
    for n, extent, s in zip(x.shape[1:-1], extents, layer.strides):
        length = (n - extent) // s + 1 if layer.padding == "valid" else (n - 1) // s + 1
        total = max((length - 1) * s + extent - n, 0)
        before = {"valid": 0, "same": total // 2, "causal": extent - 1}[layer.padding]
        padding.append((before, max(total - before, 0)))
        lengths.append(length)
    padded = np.pad(x, [*padding, (0, 0)])
    y = 0
    for position in np.ndindex(*layer.kernel_size):
        seen = [slice(j * d, j * d + (length - 1) * s + 1, s)
                for j, d, length, s in zip(position, layer.dilation_rate, lengths, layer.strides)]
        y = y + product(padded[(slice(None), *seen)], kernel[position])
    return y


def grouped(x, kernel, groups):
    """Group g of the channels times group g of the filters."""
    channels, filters = np.split(x, groups, axis=-1), np.split(kernel, groups, axis=-1)
    return np.concatenate([c @ f for c, f in zip(channels, filters)], axis=-1)


def each_channel(x, kernel):
    """x (..., channels), kernel (channels, multiplier): the products of each channel side by side."""
    y = x[..., np.newaxis] * kernel
    return y.reshape(*x.shape[:-1], -1)


class Reference:
    """A value in float64, with the bound of each element; `exact` while no rounding is allowed."""

    def __init__(self, x):
        self.value = np.asarray(x, np.float64)
        self.bound = np.zeros_like(self.value)
        self.exact = True

    def layer(self, layer):
        kind = type(layer).__name__
        if kind.endswith("Transpose"):
            self.conv_transpose(layer)
            self.activation(layer.activation.__name__)
        elif kind in CONVOLUTIONS:
            CONVOLUTIONS[kind](self, layer)
            self.activation(layer.activation.__name__)
        elif kind.startswith("UpSampling"):
            self.repeat(layer)
        elif kind == "Activation":
            self.activation(layer.activation.__name__)
        else:
            raise NotImplementedError(kind)
        return self

    def repeat(self, layer):
        size = np.atleast_1d(layer.size)
        first = getattr(layer, "data_format", "channels_last") == "channels_first"
        for i, factor in enumerate(size):
            self.value = np.repeat(self.value, factor, axis=i + (2 if first else 1))
            self.bound = np.repeat(self.bound, factor, axis=i + (2 if first else 1))

    def conv_transpose(self, layer):
        padding = layer.output_padding
        padding = [None] * layer.rank if padding is None else np.broadcast_to(padding, layer.rank)

        def sums(x, w):
            axes = [axis(n, k, s, d, layer.padding, p) for n, k, s, d, p in zip(
                x.shape[1:-1], layer.kernel_size, layer.strides, layer.dilation_rate, padding)]
            return scatter(x, w, axes, layer.strides, layer.dilation_rate)

        self.sum(sums, *layer.get_weights(), first=layer.data_format == "channels_first")

    def conv(self, layer):
        self.sum(lambda x, w: slices(x, w, layer, lambda part, at: grouped(part, at, layer.groups)),
                 *layer.get_weights(), first=layer.data_format == "channels_first")

    def depthwise(self, layer):
        self.sum(lambda x, w: slices(x, w, layer, each_channel), *layer.get_weights(),
                 first=layer.data_format == "channels_first")

    def separable(self, layer):
        first = layer.data_format == "channels_first"
        depthwise, pointwise, *bias = layer.get_weights()
        self.sum(lambda x, w: slices(x, w, layer, each_channel), depthwise, first=first)
        self.sum(lambda x, w: x @ w, pointwise.reshape(pointwise.shape[-2:]), *bias, first=first)

    def dense(self, layer):
        self.sum(lambda x, w: x @ w, *layer.get_weights())

    def sum(self, sums, kernel, bias=None, first=False):
        """`sums(x, kernel)` adds up products of both, on channels_last tensors."""
        value, bound = self.value, self.bound
        if first:
            value, bound = np.moveaxis(value, 1, -1), np.moveaxis(bound, 1, -1)
        kernel = kernel.astype(np.float64)
        y = sums(value, kernel)
        magnitude = sums(np.abs(value) + bound, np.abs(kernel))
        terms = sums(np.ones_like(value), np.ones_like(kernel))
        off = sums(bound, np.abs(kernel))
        if bias is not None:
            bias = bias.astype(np.float64)
            y, magnitude, terms = y + bias, magnitude + np.abs(bias), terms + 1
        off += (4 + np.sqrt(terms)) * EPSILON * magnitude
        self.value, self.bound = (np.moveaxis(y, -1, 1), np.moveaxis(off, -1, 1)) if first else (y, off)
        self.exact = False

    def activation(self, name):
        if name == "linear":
            return
        steepness = STEEPNESS.get(name, 1)
        with np.errstate(over="ignore"):
            value = FUNCTIONS[name](self.value)
            off = self.bound
            if name in ("softmax", "log_softmax"):
                off = np.broadcast_to(off.max(axis=-1, keepdims=True), off.shape)
            elif name == "exponential":
                steepness = value
            # What formulas lose in float64 already where they subtract nearly equal numbers.
            lost = 2.0**-51 * np.abs(self.value) if name == "tanh_shrink" else 0
            last_place = np.spacing(np.abs(value).astype(np.float32)).astype(np.float64)
        tiny = np.where(np.abs(value) < SMALLEST, SMALLEST, 0)
        self.value, self.bound = value, steepness * off + np.maximum(4 * last_place, tiny) + lost
        self.exact = False


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def sigmoid(x):
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def negative_expm1(x):
    return np.expm1(np.minimum(x, 0))


def log_softmax(x):
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def hard_sigmoid(x):
    return np.clip(x + 3, 0, 6) / 6


ERFC = np.vectorize(math.erfc, otypes=[np.float64])
FUNCTIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, np.float64(np.float32(0.2)) * x),
    "elu": lambda x: np.where(x > 0, x, negative_expm1(x)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * negative_expm1(x)),
    "gelu": lambda x: 0.5 * x * ERFC(-x / math.sqrt(2)),
    "silu": lambda x: x * sigmoid(x),
    "mish": lambda x: x * np.tanh(softplus(x)),
    "sigmoid": sigmoid,
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": lambda x: x * hard_sigmoid(x),
    "tanh": np.tanh,
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "softplus": softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "exponential": np.exp,
    "log_sigmoid": lambda x: -softplus(-x),
    "softmax": lambda x: np.exp(log_softmax(x)),
    "log_softmax": log_softmax,
}
# The largest slope of each function, where it is above 1; log_softmax subtracts two values.
STEEPNESS = {"selu": 1.7581, "gelu": 1.13, "silu": 1.1, "mish": 1.09, "hard_silu": 1.5, "log_softmax": 2}
CONVOLUTIONS = {
    **{f"Conv{rank}D": Reference.conv for rank in (1, 2, 3)},
    **{f"DepthwiseConv{rank}D": Reference.depthwise for rank in (1, 2)},
    **{f"SeparableConv{rank}D": Reference.separable for rank in (1, 2)},
    "Dense": Reference.dense,
}
