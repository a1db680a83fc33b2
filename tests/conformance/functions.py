"""Functions of single values and along an axis, with the bound of 4 units in the last place."""

import math

import numpy as np

from values import EPSILON, Value
from keras_reference import FUNCTIONS, SMALLEST, STEEPNESS, negative_expm1, sigmoid


def rescaling(layer, weights, x):
    scale, offset = (np.asarray(np.float32(v), np.float64) for v in (layer.scale, layer.offset))
    product = x.value * scale
    bound = np.abs(scale) * x.bound + (4 + math.sqrt(2)) * EPSILON * (np.abs(product) + np.abs(offset))
    return Value(product + offset, bound)


def squareplus(x):
    root = np.sqrt(x * x + 4)
    return np.where(x > 0, (x + root) / 2, 2 / np.maximum(root - x, 1e-300))


def sparsemax(x):
    """On the simplex the cut would be the sum of those that stay, less one, over their number. Keras on
    TensorFlow takes the sum of all their partial sums, largest first, for the sum, and so does the service."""
    ordered = -np.sort(-x, axis=-1)
    count = np.arange(1, x.shape[-1] + 1)
    total = np.cumsum(ordered, axis=-1)
    inside = 1 + count * ordered > total
    k = inside.sum(axis=-1, keepdims=True)
    return np.maximum(x - (np.where(inside, total, 0).sum(axis=-1, keepdims=True) - 1) / k, 0)


def glu(x):
    a, b = np.split(x, 2, axis=-1)
    return a * sigmoid(b)


MORE = {
    "celu": lambda x: np.maximum(x, 0) + negative_expm1(x),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "squareplus": squareplus,
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x)),
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
}


def rounding(y):
    last_place = np.spacing(np.abs(y).astype(np.float32)).astype(np.float64)
    return np.maximum(4 * last_place, np.where(np.abs(y) < SMALLEST, SMALLEST, 0))


def pointwise(x, function, slope=1.0, lost=0.0):
    with np.errstate(over="ignore", invalid="ignore"):
        y = function(x.value)
        return Value(y, slope * x.bound + rounding(y) + lost)


def shared_out(x, axes, log):
    """softmax over axes, or its logarithm."""
    high = x.value.max(axis=axes, keepdims=True)
    total = np.exp(x.value - high).sum(axis=axes, keepdims=True)
    y = x.value - high - np.log(total)
    off = 2 * np.broadcast_to(x.bound.max(axis=axes, keepdims=True), x.value.shape)
    # x - max is rounded before anything else, and so is what is taken off it.
    off = off + EPSILON * (np.abs(x.value - high) + np.log(total))
    if log:
        return Value(y, off + rounding(y))
    return Value(np.exp(y), off * np.exp(y) + rounding(np.exp(y)))


def named(name, x):
    """A function with its default parameters."""
    if name == "linear":
        return x
    if name in ("softmax", "log_softmax"):
        return shared_out(x, -1, name == "log_softmax")
    if name == "sparsemax":
        y = sparsemax(x.value)
        width = x.value.shape[-1]
        reach = np.abs(x.value).max(axis=-1, keepdims=True) * width + 1
        off = (1 + width) * x.bound.max(axis=-1, keepdims=True)
        return Value(y, off + rounding(y) + 4 * EPSILON * reach)
    if name == "glu":
        y = glu(x.value)
        a, b = np.split(x.bound, 2, axis=-1)
        return Value(y, a + 0.25 * b * np.abs(np.split(x.value, 2, axis=-1)[0]) + rounding(y))
    lost = 2.0**-51 * np.abs(x.value) if name == "tanh_shrink" else 0
    function = FUNCTIONS.get(name) or MORE[name]
    with np.errstate(over="ignore"):
        slope = function(x.value) if name == "exponential" else STEEPNESS.get(name, 1)
    return pointwise(x, function, slope, lost)


def relu_layer(layer, weights, x):
    slope, threshold = (float(np.float32(v)) for v in (layer.negative_slope, layer.threshold))
    high = math.inf if layer.max_value is None else float(np.float32(layer.max_value))
    return pointwise(x, lambda v: np.where(v > threshold if threshold else v >= 0, np.minimum(v, high),
                                           slope * (v - threshold)), max(slope, 1),
                     slope * EPSILON * abs(threshold) * 2)


def leaky(layer, weights, x):
    slope = float(np.float32(layer.negative_slope))
    return pointwise(x, lambda v: np.where(v > 0, v, slope * v), max(abs(slope), 1))


def elu_layer(layer, weights, x):
    alpha = float(np.float32(layer.alpha))
    return pointwise(x, lambda v: np.where(v > 0, v, alpha * negative_expm1(v)), max(abs(alpha), 1))


def prelu(layer, weights, x):
    alpha = weights[0]
    return pointwise(x, lambda v: np.where(v > 0, v, alpha * v), np.maximum(np.abs(alpha), 1))


def softmax_layer(layer, weights, x):
    axes = layer.axis
    return shared_out(x, tuple(axes) if isinstance(axes, (list, tuple)) else axes, False)
