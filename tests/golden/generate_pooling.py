#!/usr/bin/env python3
"""Writes layers/pooling_*.json: windows, whole images, and parts of the input.

    python3 tests/golden/generate_pooling.py

Needs keras and tensorflow; README.md describes the files. The cases are drawn from a fixed seed. A
maximum must be Keras' to the bit, and that of the boxes by their definition; a mean is the float64
mean of its box.
"""

import itertools

import generate_layers
from generate_layers import doubles, floats, keras, np, rounded, spelled, tensor, values, write

RANDOM = generate_layers.RANDOM = np.random.default_rng(20260404)
EPSILON = 2.0**-24
FORMS = ["keras", "config", "beside"]


# --- Boxes ----------------------------------------------------------------------------------------


def windows(n, size, stride, padding):
    """(begin, end) of each output along an axis of length n, cut to the input."""
    if padding == "valid":
        return [(o * stride, o * stride + size) for o in range((n - size) // stride + 1)]
    out = -(-n // stride)
    before = max((out - 1) * stride + size - n, 0) // 2
    return [(max(o * stride - before, 0), min(o * stride - before + size, n)) for o in range(out)]


def parts(n, out):
    return [(o * n // out, -(-(o + 1) * n // out)) for o in range(out)]


def boxes_of(layer, spatial):
    kind, rank = type(layer).__name__, len(spatial)
    if kind.startswith("Global"):
        return [[(0, n)] for n in spatial]
    if kind.startswith("Adaptive"):
        return [parts(n, o) for n, o in zip(spatial, np.broadcast_to(layer.output_size, rank))]
    sizes, strides = (np.broadcast_to(v, rank) for v in (layer.pool_size, layer.strides))
    return [windows(n, p, s, layer.padding) for n, p, s in zip(spatial, sizes, strides)]


def pool(layer, x, take):
    """`take` of the values of each box, for every image and channel."""
    first = layer.data_format == "channels_first"
    x = np.moveaxis(x, 1, -1) if first else x
    boxes = boxes_of(layer, x.shape[1:-1])
    y = np.zeros((x.shape[0], *(len(b) for b in boxes), x.shape[-1]), x.dtype)
    for at in np.ndindex(*y.shape[1:-1]):
        cut = tuple(slice(*boxes[i][o]) for i, o in enumerate(at))
        y[(slice(None), *at)] = take(x[(slice(None), *cut)].reshape(x.shape[0], -1, x.shape[-1]))
    y = np.moveaxis(y, -1, 1) if first else y
    if not type(layer).__name__.startswith("Global") or layer.keepdims:
        return y
    return y.reshape(x.shape[0], x.shape[-1])


# --- Cases ----------------------------------------------------------------------------------------


def answer(layer, x):
    """What Keras gives, or why it does not."""
    spatial = np.array(x.shape[2:] if layer.data_format == "channels_first" else x.shape[1:-1])
    if "Adaptive" in type(layer).__name__:
        longer = -(-spatial // np.array(layer.output_size)) + 1  # one of the two windows that Keras makes
        if (longer > spatial).any():
            return None, "the process ends: a window is longer than the input"
    try:
        return np.asarray(layer(x), np.float32), None
    except Exception as error:  # TensorFlow's kernels refuse in many ways
        return None, type(error).__name__


def case(name, config, x, as_name=None):
    layer = getattr(keras.layers, name)(**config)
    how = "config" if as_name else FORMS[int(RANDOM.integers(3))]
    request = {"input": tensor(x, bool(RANDOM.integers(2))), "layer": spelled(layer, as_name or name, config, how)}
    made = {"name": f"{as_name or name} {config} on {list(x.shape)}", "request": request}
    says, refusal = answer(layer, x)
    if "Max" in name:
        expected = pool(layer, x, lambda box: box.max(axis=1))
        if says is not None:
            assert np.array_equal(says, expected), made["name"]
            expected = says
        made.update(shape=list(expected.shape), expected=floats(expected))
        return {**made, "keras_refuses": refusal} if says is None else made
    wide = x.astype(np.float64)
    y = pool(layer, wide, lambda box: box.mean(axis=1))
    size = pool(layer, np.abs(wide), lambda box: box.mean(axis=1))
    count = pool(layer, wide, lambda box: np.full((box.shape[0], box.shape[2]), box.shape[1]))
    made.update(shape=list(y.shape), expected=doubles(y), tolerance=rounded((4 + np.sqrt(count)) * EPSILON * size))
    return {**made, "keras_refuses": refusal} if says is None else {**made, "keras": floats(says)}


def ints(low, high, rank):
    if RANDOM.random() < 0.4:
        return int(RANDOM.integers(low, high + 1))
    return [int(n) for n in RANDOM.integers(low, high + 1, rank)]


def image(rank, first, high=None):
    high = high or [13, 8, 5][rank - 1]
    spatial = [int(n) for n in RANDOM.integers(1, high + 1, rank)]
    batch, channels = int(RANDOM.choice([1, 1, 2, 3])), int(RANDOM.choice([1, 1, 2, 3, 5]))
    return spatial, [batch, channels, *spatial] if first else [batch, *spatial, channels]


def sliding(kind, rank, count):
    made = 0
    while made < count:
        config = {"pool_size": ints(1, 4, rank)}
        first = RANDOM.random() < 0.3
        if first:
            config["data_format"] = "channels_first"
        if RANDOM.random() < 0.6:
            config["strides"] = None if RANDOM.random() < 0.2 else ints(1, 4, rank)
        if RANDOM.random() < 0.6:
            config["padding"] = str(RANDOM.choice(["same", "valid", "SAME"]))
        spatial, shape = image(rank, first)
        short = (np.array(spatial) < np.broadcast_to(config["pool_size"], rank)).any()
        if np.prod(shape) > 400 or (short and config.get("padding", "valid") == "valid"):
            continue
        yield case(f"{kind}Pooling{rank}D", config, values(*shape))
        made += 1


def whole(kind, rank):
    for first, keepdims, _ in itertools.product([False, True], [None, False, True], range(2)):
        config = {} if keepdims is None else {"keepdims": keepdims}
        if first:
            config["data_format"] = "channels_first"
        yield case(f"Global{kind}Pooling{rank}D", config, values(*image(rank, first)[1]))


def adaptive(kind, rank):
    for first, _ in itertools.product([False, True], range(6)):
        config = {"output_size": ints(1, 6, rank)}
        if first:
            config["data_format"] = "channels_first"
        yield case(f"Adaptive{kind}Pooling{rank}D", config, values(*image(rank, first, 9 if rank < 3 else 4)[1]))


def edges(kind):
    name = f"{kind}Pooling"
    if kind == "Max":
        yield case("MaxPooling1D", {}, values(1, 7, 1))
        yield case("MaxPooling2D", {}, values(2, 5, 4, 3))
        yield case("MaxPooling3D", {}, values(1, 4, 5, 2, 1))
    # Channels past the blocks that are worked in; boxes of many values; wide windows and strides.
    yield case(f"{name}2D", {"pool_size": 2}, values(1, 4, 3, 67))
    yield case(f"{name}2D", {"pool_size": [3, 2], "padding": "same", "strides": 1}, values(1, 3, 2, 130))
    yield case(f"{name}1D", {"pool_size": 50, "padding": "same", "strides": 3}, values(1, 60, 2))
    yield case(f"{name}1D", {"pool_size": 2, "strides": 9}, values(1, 40, 2))
    yield case(f"{name}1D", {"pool_size": 9, "padding": "same", "strides": 7}, values(1, 5, 2))
    yield case(f"Global{name}2D", {}, values(1, 40, 37, 1))
    yield case(f"Global{name}2D", {}, values(1, 5, 4, 67))
    yield case(f"Adaptive{name}2D", {"output_size": [7, 5]}, values(1, 33, 29, 1))
    # Sums that cancel, and values far apart.
    x = values(1, 12, 12, 1) * np.float32(1e4) + np.where(RANDOM.random((1, 12, 12, 1)) < 0.5, 1e6, -1e6)
    yield case(f"{name}2D", {"pool_size": 3}, x.astype(np.float32))
    yield case(f"Global{name}2D", {}, x.astype(np.float32))
    yield case(f"{name}2D", {"pool_size": 2, "padding": "same"}, -np.abs(values(1, 5, 5, 1)) - 1)
    short = {"Max": "MaxPool", "Average": "AvgPool"}[kind]
    for rank in [1, 2, 3]:
        shape = [1, *[6, 4, 3][:rank], 2]
        yield case(f"{name}{rank}D", {"pool_size": 2}, values(*shape), f"{short}{rank}D")
        yield case(f"Global{name}{rank}D", {}, values(*shape), f"Global{short}{rank}D")


def main():
    for kind in ["Max", "Average"]:
        cases = [*edges(kind)]
        for rank, count in [(1, 40), (2, 50), (3, 25)]:
            cases += [*sliding(kind, rank, count), *whole(kind, rank), *adaptive(kind, rank)]
        write(f"pooling_{kind.lower()}", cases)


if __name__ == "__main__":
    main()
