"""Formulas of the layers that normalise, and of those that interpolate: sums whose weights are computed."""

import math

import numpy as np

from values import EPSILON, Value, channels_last, mean


def affine(x, center, inverse, beta):
    """x * inverse + (beta - center * inverse), as Keras computes it."""
    y = x.value * inverse + (beta - center * inverse)
    magnitude = np.abs(x.value * inverse) + np.abs(beta) + np.abs(center * inverse)
    return Value(y, np.abs(inverse) * x.bound + (4 + math.sqrt(3)) * EPSILON * magnitude)


def along(values, axes, rank):
    shape = [1] * rank
    for a, n in zip(axes, values.shape):
        shape[a] = n
    return values.reshape(shape)


def batch_normalization(layer, weights, x):
    rank = x.value.ndim
    given = [along(w, [layer.axis % rank], rank) for w in weights]
    gamma = given.pop(0) if layer.scale else 1.0
    beta = given.pop(0) if layer.center else 0.0
    center, variance = given[:2]
    return affine(x, center, gamma / np.sqrt(variance + layer.epsilon), beta)


def statistics(x, axes):
    """Mean and variance, and how far the variance may be off, relative to itself plus epsilon."""
    center = mean(x, axes)
    apart = Value(x.value - center.value, x.bound + center.bound + EPSILON * np.abs(x.value))
    spread = mean(Value(apart.value**2, 2 * np.abs(apart.value) * apart.bound + apart.bound**2), axes)
    return center, spread


def normalized(x, center, spread, epsilon, gamma, beta):
    inverse = gamma / np.sqrt(spread.value + epsilon)
    y = affine(x, center.value, inverse, beta)
    relative = 0.5 * spread.bound / (spread.value + epsilon)
    off = np.abs(inverse) * center.bound + relative * np.abs((x.value - center.value) * inverse)
    return Value(y.value, y.bound + off)


def layer_normalization(layer, weights, x):
    rank = x.value.ndim
    axes = tuple(a % rank for a in np.atleast_1d(layer.axis))
    given = [along(w, sorted(axes), rank) for w in weights]
    gamma = given.pop(0) if layer.scale or getattr(layer, "rms_scaling", False) else 1.0
    beta = given.pop(0) if layer.center and given else 0.0
    if getattr(layer, "rms_scaling", False):
        _, spread = statistics(x, axes)
        return normalized(x, Value(np.zeros(1)), spread, layer.epsilon, gamma, beta)
    return normalized(x, *statistics(x, axes), layer.epsilon, gamma, beta)


def group_normalization(layer, weights, x):
    rank, where = x.value.ndim, layer.axis % x.value.ndim
    channels = x.value.shape[where]
    groups = channels if layer.groups == -1 else layer.groups
    shape = [*x.value.shape[:where], groups, channels // groups, *x.value.shape[where + 1:]]
    split = x.both(lambda v: v.reshape(shape))
    center, spread = statistics(split, tuple(a for a in range(1, rank + 1) if a != where))
    given = [along(w.reshape(groups, -1), [where, where + 1], rank + 1) for w in weights]
    gamma = given.pop(0) if layer.scale else 1.0
    beta = given.pop(0) if layer.center else 0.0
    return normalized(split, center, spread, layer.epsilon, gamma, beta).both(lambda v: v.reshape(x.value.shape))


def rms_normalization(layer, weights, x):
    rank = x.value.ndim
    axes = tuple(a % rank for a in np.atleast_1d(layer.axis))
    square = mean(Value(x.value**2, 2 * np.abs(x.value) * x.bound + x.bound**2), axes)
    return normalized(x, Value(np.zeros(1)), square, layer.epsilon, weights[0], 0.0)


def unit(x, axes, least):
    axes = tuple(np.atleast_1d(axes))
    square = mean(Value(x.value**2, 2 * np.abs(x.value) * x.bound + x.bound**2), axes)
    length = np.maximum(np.sqrt((x.value**2).sum(axis=axes, keepdims=True)), least)
    relative = 0.5 * square.bound / np.maximum(square.value, 1e-30)
    y = x.value / length
    return Value(y, x.bound / length + (relative + 6 * EPSILON) * np.abs(y))


def unit_normalization(layer, weights, x):
    return unit(x, layer.axis, 1e-12)


# --- Interpolation --------------------------------------------------------------------------------


def taps_bilinear(u, n):
    low = math.floor(u)
    taps = {max(low, 0): 1 - (u - low)}
    high = min(low + 1, n - 1)
    taps[high] = taps.get(high, 0) + u - low
    return taps


def taps_bicubic(u, n):
    low = math.floor(u)
    q = float(np.rint((u - low) * 1024))

    def near(x):
        return (1.5 * x - 2.5) * x * x + 1

    def far(x):
        return ((-0.5 * x + 2.5) * x - 4) * x + 2

    q /= 1024
    weights = [far(1 + q), near(q), near(1 - q), far(2 - q)]
    taps = {low - 1 + i: w for i, w in enumerate(weights) if 0 <= low - 1 + i < n}
    return {p: w / sum(taps.values()) for p, w in taps.items()}


def taps_lanczos(radius):
    def taps(u, n):
        def kernel(x):
            x = abs(x)
            return (0 if x > radius else 1 if x <= 1e-3 else
                    radius * math.sin(math.pi * x) * math.sin(math.pi * x / radius) / (math.pi * x) ** 2)

        c = u + 0.5
        first, last = max(math.ceil(c - radius - 0.5), 0), min(math.floor(c + radius - 0.5), n - 1)
        found = {p: kernel(p + 0.5 - c) for p in range(first, last + 1)}
        return {p: w / sum(found.values()) for p, w in found.items()}

    return taps


TAPS = {"bilinear": taps_bilinear, "bicubic": taps_bicubic, "lanczos3": taps_lanczos(3), "lanczos5": taps_lanczos(5)}
# The weights themselves are float32: this much each may be off, of weights that add up to 1.
WEIGHT_OFF = 6 * EPSILON


def resampling(n, size, kind):
    """Weights of one axis, and where there are any."""
    out = n * size
    weights, used = np.zeros((out, n)), np.zeros((out, n))
    scale = np.float32(n) / np.float32(out)
    for o in range(out):
        if kind == "area":
            taps = {o // size: 1.0}
        else:
            u = np.float32(np.float32(np.float32(o + 0.5) * scale) - np.float32(0.5))
            taps = TAPS[kind](float(u), n)
        for p, w in taps.items():
            weights[o, p] += w
            used[o, p] = 1
    return weights, used


@channels_last
def interpolation(layer, weights, x):
    kind = layer.interpolation
    (rows, rows_used), (columns, columns_used) = (
        resampling(n, size, kind) for n, size in zip(x.value.shape[1:3], layer.size))

    def sums(v, left, right):
        return np.einsum("pi,bijc,qj->bpqc", left, v, right)

    reach = np.abs(x.value) + x.bound
    y = sums(x.value, rows, columns)
    magnitude = sums(reach, np.abs(rows), np.abs(columns))
    wide = sums(reach, np.abs(rows) + WEIGHT_OFF * rows_used, np.abs(columns) + WEIGHT_OFF * columns_used)
    terms = sums(np.ones_like(x.value), rows_used, columns_used)
    off = sums(x.bound, np.abs(rows), np.abs(columns))
    return Value(y, off + (4 + np.sqrt(terms)) * EPSILON * magnitude + (wide - magnitude))
