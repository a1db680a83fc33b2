"""Values in float64 with bounds, and what sums have in common."""

import math
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "golden"))
from keras_reference import EPSILON


transformed = False  # sums are those of a transform, which mixes all outputs of a tile
TRANSFORM = 4  # how much larger its errors may be


def expect_transforms():
    """Errors of sums may then be as large as those of the filter's largest sum and largest product:
    a tile's other sums, of which nobody asked, may be larger than any that is there."""
    global transformed
    transformed = True


class Value:
    """Values in float64, and how far each may be off."""

    def __init__(self, value, bound=None):
        self.value = np.asarray(value, np.float64)
        self.bound = np.zeros_like(self.value) if bound is None else np.asarray(bound, np.float64)

    def both(self, change):
        """What moves the values moves the bounds."""
        return Value(change(self.value), change(self.bound))


def class_of(layer):
    return type(layer).__name__


def summed(sums, x, w, bias=None):
    """`sums(x, w)` is linear in both; the bound is that of a sum of as many products."""
    y = sums(x.value, w)
    magnitude = sums(np.abs(x.value) + x.bound, np.abs(w))
    terms = sums(np.ones_like(x.value), np.ones_like(w))
    off = sums(x.bound, np.abs(w)) if x.bound.any() else 0
    if bias is not None:
        y, magnitude, terms = y + bias, magnitude + np.abs(bias), terms + 1
    rounding = (4 + np.sqrt(terms)) * EPSILON
    if transformed:
        product = np.abs(x.value).max(initial=0) * np.abs(w).max(initial=0)
        magnitude = magnitude.max(axis=tuple(range(1, y.ndim - 1)), keepdims=True) + product
        rounding = TRANSFORM * rounding.max()
    return Value(y, off + rounding * magnitude)


def mean(x, axes):
    count = np.prod([x.value.shape[a] for a in axes])
    magnitude = (np.abs(x.value) + x.bound).mean(axis=axes, keepdims=True)
    off = x.bound.mean(axis=axes, keepdims=True) + (4 + math.sqrt(count)) * EPSILON * magnitude
    return Value(x.value.mean(axis=axes, keepdims=True), off)


def channels_last(formula):
    """A formula for channels_last, for both formats."""

    def either(layer, weights, x):
        if getattr(layer, "data_format", None) != "channels_first":
            return formula(layer, weights, x)
        y = formula(layer, weights, x.both(lambda v: np.moveaxis(v, 1, -1)))
        return y.both(lambda v: np.moveaxis(v, -1, 1)) if y.value.ndim == x.value.ndim else y

    return either


def windows(n, kernel, stride, dilation, padding):
    """Length of the output along one axis, and the zeros before and after the input."""
    extent = (kernel - 1) * dilation + 1
    if padding == "causal":
        before, after = extent - 1, 0
    elif padding == "same":
        total = max((-(-n // stride) - 1) * stride + extent - n, 0)
        before, after = total // 2, total - total // 2
    else:
        before = after = 0
    return (n + before + after - extent) // stride + 1, before, after


def slices(x, geometry, fill=0.0):
    """Yields each kernel position with the part of the padded input that it reads."""
    lengths = [windows(n, *g) for n, g in zip(x.shape[1:-1], geometry)]
    padded = np.pad(x, [(0, 0), *((b, a) for _, b, a in lengths), (0, 0)], constant_values=fill)
    for position in np.ndindex(*(g[0] for g in geometry)):
        at = [slice(j * d, j * d + (length - 1) * s + 1, s)
              for j, (length, _, _), (_, s, d, _) in zip(position, lengths, geometry)]
        yield position, padded[(slice(None), *at, slice(None))]
