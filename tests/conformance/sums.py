"""Formulas of the layers that sum products: formula(layer, weights, x) with Values."""

import numpy as np

from normalizing import unit
from values import Value, channels_last, class_of, mean, slices, summed
from keras_reference import axis, scatter


def geometry_of(layer):
    return list(zip(layer.kernel_size, layer.strides, layer.dilation_rate, [layer.padding] * layer.rank))


@channels_last
def convolution(layer, weights, x):
    def sums(v, w):
        parts = [0] * layer.groups
        size = w.shape[-2]
        for position, part in slices(v, geometry_of(layer)):
            for g, kernel in enumerate(np.split(w[position], layer.groups, axis=-1)):
                parts[g] = parts[g] + part[..., g * size:(g + 1) * size] @ kernel
        return np.concatenate(parts, axis=-1)

    return summed(sums, x, weights[0], weights[1] if layer.use_bias else None)


@channels_last
def transposed(layer, weights, x):
    padding = layer.output_padding
    padding = [None] * layer.rank if padding is None else np.broadcast_to(padding, layer.rank)
    axes = [axis(n, k, s, d, layer.padding, p) for n, k, s, d, p in zip(
        x.value.shape[1:-1], layer.kernel_size, layer.strides, layer.dilation_rate, padding)]
    return summed(lambda v, w: scatter(v, w, axes, layer.strides, layer.dilation_rate),
                  x, weights[0], weights[1] if layer.use_bias else None)


def depthwise_sums(layer):
    def sums(v, w):
        y = 0
        for position, part in slices(v, geometry_of(layer)):
            y = y + part[..., None] * w[position]
        return y.reshape(*y.shape[:-2], -1)

    return sums


@channels_last
def depthwise(layer, weights, x):
    return summed(depthwise_sums(layer), x, weights[0], weights[1] if layer.use_bias else None)


@channels_last
def separable(layer, weights, x):
    between = summed(depthwise_sums(layer), x, weights[0])
    pointwise = weights[1].reshape(weights[1].shape[-2:])
    return summed(lambda v, w: v @ w, between, pointwise, weights[2] if layer.use_bias else None)


def dense(layer, weights, x):
    return summed(lambda v, w: v @ w, x, weights[0], weights[1] if layer.use_bias else None)


def dot(layer, weights, a, b):
    if layer.normalize:
        a, b = (unit(x, axes, 1e-12) for x, axes in zip((a, b), np.broadcast_to(layer.axes, 2)))
    left, right = np.broadcast_to(layer.axes, 2)

    def sums(v, w):
        v, w = np.moveaxis(v, left, -1), np.moveaxis(w, right, 1)
        y = np.stack([np.tensordot(p, q, axes=(-1, 0)) for p, q in zip(v, w)])
        return y[:, None] if y.ndim == 1 else y

    result = summed(sums, a, b.value)
    result.bound = result.bound + (sums(np.abs(a.value), b.bound) if b.bound.any() else 0)
    return result


# --- Pooling --------------------------------------------------------------------------------------


def pools(layer, rank):
    sizes, strides = np.broadcast_to(layer.pool_size, rank), np.broadcast_to(layer.strides, rank)
    return [(k, s, 1, layer.padding) for k, s in zip(sizes, strides)]


def largest(layer, x):
    """The largest values; their bounds are the largest bounds."""
    kind = class_of(layer)

    @channels_last
    def sliding(layer, _, x):
        geometry = pools(layer, x.value.ndim - 2)
        return x.both(lambda v: np.max([part for _, part in slices(v, geometry, -np.inf)], axis=0))

    if kind.startswith("Global"):
        axes = spatial_axes(layer, x)
        return x.both(lambda v: v.max(axis=axes, keepdims=layer.keepdims))
    return adaptive(layer, [], x) if kind.startswith("Adaptive") else sliding(layer, [], x)


@channels_last
def average_pooling(layer, weights, x):
    geometry = pools(layer, x.value.ndim - 2)

    def sums(v, w):
        return sum(part for _, part in slices(v, geometry)) * w

    count = sums(np.ones_like(x.value), np.ones(1))
    total = summed(sums, x, np.ones(1))
    return total.both(lambda v: v / count)


def spatial_axes(layer, x):
    return tuple(range(2, x.value.ndim) if layer.data_format == "channels_first" else range(1, x.value.ndim - 1))


def global_average(layer, weights, x):
    spatial = spatial_axes(layer, x)
    y = mean(x, spatial)
    return y if layer.keepdims else y.both(lambda v: v.squeeze(spatial))


@channels_last
def adaptive(layer, weights, x):
    """Boxes that cover the input, one axis after the other."""
    sizes = np.broadcast_to(layer.output_size, x.value.ndim - 2)
    for i, size in enumerate(sizes):
        n = x.value.shape[i + 1]
        boxes = [range(o * n // size, -(-(o + 1) * n // size)) for o in range(size)]
        parts = [x.both(lambda v, box=box: np.take(v, box, i + 1)) for box in boxes]
        parts = [mean(p, (i + 1,)) if "Average" in class_of(layer) else
                 p.both(lambda v: v.max(axis=i + 1, keepdims=True)) for p in parts]
        x = Value(*(np.concatenate([getattr(p, what) for p in parts], i + 1) for what in ("value", "bound")))
    return x
