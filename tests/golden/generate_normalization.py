#!/usr/bin/env python3
"""Writes layers/normalization_*.json.

    python3 tests/golden/generate_normalization.py

Needs keras and tensorflow; README.md describes the files. The cases are drawn from a fixed seed, the
values expected are the formulas in float64. A result is x * w + b - mean * w: its bound is that of
such a sum, where the mean, which may cancel, counts with the mean of the sizes of its values.
"""

import itertools

import generate_layers
from generate_layers import doubles, floats, keras, np, rounded, spelled, tensor, values, write

RANDOM = generate_layers.RANDOM = np.random.default_rng(20260505)
EPSILON = 2.0**-24
FORMS = ["keras", "config", "beside"]


# --- Formulas: value, sum of sizes, how many values are summed ------------------------------------


def affine(x, mean, size, factor, gamma, beta):
    factor = factor * gamma
    return (x - mean) * factor + beta, (np.abs(x) + size) * np.abs(factor) + np.abs(beta)


def batch(layer, x, gamma, beta, mean, variance):
    shape = [1] * x.ndim
    shape[layer.axis] = -1
    gamma, beta, mean, variance = (np.reshape(w, shape) for w in (gamma, beta, mean, variance))
    factor = 1 / np.sqrt(variance + np.float32(layer.epsilon))
    return *affine(x, mean, np.abs(mean), factor, gamma, beta), 3


def statistics(x, axes, epsilon):
    mean, size = (v.mean(axis=axes, keepdims=True) for v in (x, np.abs(x)))
    square = np.square(x - mean).mean(axis=axes, keepdims=True)
    return mean, size, 1 / np.sqrt(square + np.float64(np.float32(epsilon)))


def broadcast(w, x, axes):
    shape = [n if i in axes else 1 for i, n in enumerate(x.shape)]
    return np.reshape(w, shape) if np.size(w) > 1 else w


def layer_(layer, x, gamma, beta):
    axes = tuple(a % x.ndim for a in np.atleast_1d(layer.axis))
    mean, size, factor = statistics(x, axes, layer.epsilon)
    if layer.rms_scaling:
        mean = size = 0
    count = np.prod([x.shape[a] for a in axes])
    return *affine(x, mean, size, factor, broadcast(gamma, x, axes), broadcast(beta, x, axes)), count


def group(layer, x, gamma, beta):
    axis = layer.axis % x.ndim
    y = np.moveaxis(x, axis, 1)
    y = y.reshape(y.shape[0], layer.groups, -1)
    mean, size, factor = (np.broadcast_to(v, y.shape) for v in statistics(y, (2,), layer.epsilon))
    moved = np.moveaxis(x, axis, 1)
    mean, size, factor = (np.moveaxis(v.reshape(moved.shape), 1, axis) for v in (mean, size, factor))
    return *affine(x, mean, size, factor, broadcast(gamma, x, (axis,)), broadcast(beta, x, (axis,))), y.shape[-1]


def rms(layer, x, scale):
    axes = tuple(a % x.ndim for a in np.atleast_1d(layer.axis))
    square = np.square(x).mean(axis=axes, keepdims=True)
    factor = 1 / np.sqrt(square + np.float64(np.float32(layer.epsilon)))
    return *affine(x, 0, 0, factor, scale, 0), np.prod([x.shape[a] for a in axes])


def unit(layer, x):
    axes = tuple(a % x.ndim for a in np.atleast_1d(layer.axis))
    norm = np.sqrt(np.square(x).sum(axis=axes, keepdims=True))
    return *affine(x, 0, 0, 1 / np.maximum(norm, 1e-12), 1, 0), np.prod([x.shape[a] for a in axes])


def by_formula(layer, x):
    weights = [w.astype(np.float64) for w in layer.get_weights()]
    kind = type(layer).__name__
    if kind in ("UnitNormalization", "RMSNormalization"):
        return (unit if kind[0] == "U" else rms)(layer, x, *weights)
    gamma = weights.pop(0) if getattr(layer, "rms_scaling", False) or layer.scale else 1
    beta = weights.pop(0) if layer.center and not getattr(layer, "rms_scaling", False) else 0
    formula = {"B": batch, "L": layer_, "G": group}[kind[0]]
    if kind[0] == "B":
        gamma, beta = (np.broadcast_to(v, weights[0].shape) for v in (gamma, beta))
    return formula(layer, x, gamma, beta, *weights)


# --- Cases ----------------------------------------------------------------------------------------


def case(name, config, x, drawn=False, errs=None, as_config=None):
    layer = getattr(keras.layers, name)(**config)
    layer.build(x.shape)
    if not drawn:
        layer.set_weights([values(*w.shape) for w in layer.get_weights()])
    if not drawn and name == "BatchNormalization":
        weights = layer.get_weights()
        layer.set_weights([*weights[:-1], np.abs(weights[-1])])
    how = "config" if as_config else FORMS[int(RANDOM.integers(3))]
    entry = spelled(layer, name, as_config or config, how)
    if layer.weights and not drawn:
        entry["weights"] = [tensor(w, bool(RANDOM.integers(2)) and w.ndim > 0) for w in layer.get_weights()]
    y, size, count = by_formula(layer, x.astype(np.float64))
    made = {"name": f"{name} {as_config or config} on {list(x.shape)}",
            "request": {"input": tensor(x, bool(RANDOM.integers(2))), "layer": entry},
            "shape": list(x.shape), "expected": doubles(y),
            "tolerance": rounded((4 + np.sqrt(count)) * EPSILON * size)}
    says = np.asarray(layer(x), np.float32)
    assert says.shape == y.shape, made["name"]
    return {**made, "keras_errs": errs} if errs else {**made, "keras": floats(says)}


def weighted():
    """Which weights there are, and how much is added below the root."""
    config = {}
    for member in ["center", "scale"]:
        if RANDOM.random() < 0.5:
            config[member] = bool(RANDOM.integers(2))
    if RANDOM.random() < 0.4:
        config["epsilon"] = float(RANDOM.choice([1e-5, 1e-2, 0.5, 1e-7]))
    return config


def shapes(rank, count):
    for _ in range(count):
        shape = [int(n) for n in RANDOM.integers(1, [9, 6, 5, 4, 3][rank - 1], rank)]
        shape[-1] = int(RANDOM.choice([1, 2, 3, 4, 5, 9]))
        yield shape


def batches():
    for rank in range(1, 6):
        for axis, shape in zip(itertools.cycle([None, *range(-rank, rank)]), shapes(rank, 4 + 3 * rank)):
            config = {**weighted(), **({} if axis is None else {"axis": axis})}
            yield case("BatchNormalization", config, values(*shape))
    yield case("BatchNormalization", {"momentum": 0.5, "synchronized": True}, values(2, 3, 4), drawn=True)
    yield case("BatchNormalization", {"axis": 3}, values(1, 2, 3, 4), as_config={"axis": [3]})
    yield case("BatchNormalization", {"axis": 1}, values(1, 2, 3, 4), as_config={"axis": [1], "momentum": 0.9})
    yield case("BatchNormalization", {
        name: {"class_name": "RandomUniform", "config": {"seed": seed, "minval": 0.5, "maxval": 2.0}}
        for seed, name in enumerate(["beta_initializer", "gamma_initializer", "moving_mean_initializer",
                                     "moving_variance_initializer"])}, values(2, 5), drawn=True)
    for shape, axis in [([3, 7, 67], -1), ([2, 3, 130], 1), ([1, 5, 63], 1), ([1, 65, 3], 1), ([1, 9, 8, 8], 1)]:
        yield case("BatchNormalization", {"axis": axis}, values(*shape))


def lists(rank):
    yield from ([], None)
    yield from range(-rank, rank)
    for count in range(1, rank + 1):
        for axes in itertools.combinations(range(rank), count):
            shuffled = [int(a) for a in RANDOM.permutation(axes)]
            yield shuffled
            yield [a - rank if RANDOM.integers(2) else a for a in shuffled]


def layers():
    for rank in range(1, 5):
        for axis, shape in zip(lists(rank), shapes(rank, 1000)):
            if rank > 1 and axis is not None and np.size(axis) == rank and np.min(axis) < 0:
                axis = [a % rank for a in axis]  # where negative ones sort first, Keras lays weights across
            config = {**weighted(), **({} if axis is None else {"axis": axis})}
            if RANDOM.random() < 0.15:
                config["rms_scaling"] = True
            yield case("LayerNormalization", config, values(*shape))
    for shape, axis in [([3, 500], -1), ([2, 40, 5], 1), ([2, 40, 5], [1, 2]), ([1, 3, 4, 33], [1, 2]),
                        ([1, 3, 4, 33], [1, 3]), ([1, 7, 40], 1), ([2, 3, 4, 5, 6], [1, 3]),
                        ([1, 9, 2, 33], 2)]:
        yield case("LayerNormalization", {"axis": axis}, values(*shape))
    yield case("LayerNormalization", {"axis": [2, 1]}, values(2, 3, 4), drawn=True)
    far = (1000 + values(3, 40)).astype(np.float32)
    yield case("LayerNormalization", {}, far, errs="subtracts a mean times a factor in float32")
    first = values(2, 60)
    first[:, 0] = 1e4
    yield case("LayerNormalization", {}, first, errs="subtracts a mean times a factor in float32")


def groups():
    for rank, _ in itertools.product(range(2, 6), range(16)):
        axis = int(RANDOM.choice([a for a in range(-rank, rank) if a % rank != 0]))
        count, width = int(RANDOM.integers(1, 5)), int(RANDOM.integers(1, 5))
        shape = next(shapes(rank, 1))
        shape[axis] = count * width
        if np.prod(shape) > 150:
            continue
        config = {**weighted(), "groups": int(RANDOM.choice([count, count, 1, -1]))}
        if axis != -1 or RANDOM.integers(2):
            config["axis"] = axis
        yield case("GroupNormalization", config, values(*shape))
    yield case("GroupNormalization", {}, values(1, 3, 64))
    yield case("GroupNormalization", {}, values(1, 2, 2, 96), drawn=True)
    for shape, count, axis in [([1, 3, 2, 70], 7, -1), ([1, 3, 2, 70], 2, -1), ([1, 70, 3, 2], 7, 1),
                               ([1, 6, 11, 5], 3, 1), ([2, 5, 33], 33, -1), ([1, 3, 66, 2], 33, 2)]:
        yield case("GroupNormalization", {"groups": count, "axis": axis}, values(*shape))


def scales():
    for rank in range(1, 5):
        for axis, shape in zip(lists(rank), shapes(rank, 1000)):
            config = {} if axis is None else {"axis": axis}
            x = values(*shape)
            x += np.where(x == 0, np.float32(0.5), np.float32(0))
            yield case("UnitNormalization", config, x)
    for rank in range(1, 5):
        for count, shape in zip([0, *range(1, rank + 1)] * 4, shapes(rank, 1000)):
            config = {"axis": list(range(rank - count, rank))} if count != 1 or RANDOM.integers(2) else {}
            if RANDOM.integers(2):
                config["epsilon"] = float(RANDOM.choice([1e-3, 0.25]))
            yield case("RMSNormalization", config, values(*shape))
    yield case("RMSNormalization", {"axis": 1}, values(2, 4, 4))
    yield case("RMSNormalization", {"axis": [0, 1]}, values(2, 2, 2))
    yield case("RMSNormalization", {"axis": 1}, values(2, 1, 3))
    yield case("RMSNormalization", {}, values(3, 200), drawn=True)
    yield case("UnitNormalization", {}, np.zeros((2, 5), np.float32))
    yield case("UnitNormalization", {}, (values(2, 5) * np.float32(1e-14)).astype(np.float32))
    yield case("UnitNormalization", {"axis": 1}, values(1, 130, 3))
    yield case("UnitNormalization", {"axis": -1}, values(1, 1, 700))


def main():
    write("normalization_batch", batches())
    write("normalization_layer", layers())
    write("normalization_group", groups())
    write("normalization_scale", scales())


if __name__ == "__main__":
    main()
