#!/usr/bin/env python3
"""Writes layers/up_sampling2d_<interpolation>.json, _large.json and layers/pixel_shuffle.json.

    python3 tests/golden/generate_resampling.py

Needs keras and tensorflow; README.md describes the files. Resampling is Wr X Wc', where the weights
of an axis are TensorFlow's own: its answers to an image of ones on the diagonal and zeros. They are
held against a transcription of its formulas; the sums of the reference are then float64.
"""

import itertools
import math

from generate_layers import floats, keras, np, number, rounded, spelled, tensor, tf, write

RANDOM = np.random.default_rng(20260303)
METHODS = ["bilinear", "bicubic", "lanczos3", "lanczos5", "gaussian", "mitchellcubic", "area"]
KERAS_REFUSES = ["gaussian", "mitchellcubic"]  # Keras 2 took them; TensorFlow still does
EPSILON = 2.0**-24


# --- The weights of one axis -----------------------------------------------------------------------


def resize(x, out, method):
    """What Keras calls, on a channels-last image."""
    return np.asarray(tf.image.resize(x, out, method=method), np.float32)


def measured(n, out, method):
    """(out, n): the weights that TensorFlow uses; an axis of length 1 adds nothing to them."""
    return resize(np.eye(n, dtype=np.float32).reshape(1, n, 1, n), (out, 1), method)[0, :, 0, :]


def keys(x):
    x = abs(x)
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return near if x <= 1 else far if x <= 2 else 0


def lanczos(radius):
    return lambda x: 0 if abs(x) > radius else np.sinc(x) * np.sinc(x / radius)


def mitchell(x):
    x = abs(x)
    near, far = (7 / 6 * x - 2) * x * x + 8 / 9, ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    return near if x < 1 else far if x < 2 else 0


FORMULAS = {
    "bicubic": keys,
    "lanczos3": lanczos(3),
    "lanczos5": lanczos(5),
    "gaussian": lambda x: math.exp(-2 * x * x) if abs(x) < 1.5 else 0,
    "mitchellcubic": mitchell,
}


def formula(n, out, method):
    weights = np.zeros((out, n))
    for o in range(out):
        u = (o + 0.5) * n / out - 0.5
        if method == "bilinear":
            u = min(max(u, 0), n - 1)
            weights[o, int(u)] = 1 - u % 1
            weights[o, min(int(u) + 1, n - 1)] += u % 1
        else:
            offset = u - math.floor(u)
            if method == "bicubic":
                offset = np.rint(offset * 1024) / 1024
            weights[o] = [FORMULAS[method](math.floor(u) + offset - i) for i in range(n)]
            weights[o] /= weights[o].sum()
    return weights


def weights_of(n, out, method):
    by_formula = formula(n, out, method)
    by_tensorflow = measured(n, out, method)
    # A place is a float32; when it is rounded, it may take the next entry of the bicubic table.
    allowed = 1e-5 + n * 2.0**-22 + (1e-3 if method == "bicubic" else 0)
    assert np.abs(by_tensorflow - by_formula).max() < allowed, (n, out, method)
    return by_tensorflow.astype(np.float64)


# --- Cases ----------------------------------------------------------------------------------------


def resampled(x, out, method):
    """The reference and its bound, of a channels-last image."""
    rows, columns = weights_of(x.shape[1], out[0], method), weights_of(x.shape[2], out[1], method)
    y = np.einsum("ap,bq,npqc->nabc", rows, columns, x.astype(np.float64))
    size = np.einsum("ap,bq,npqc->nabc", abs(rows), abs(columns), abs(x.astype(np.float64)))
    terms = np.count_nonzero(rows, axis=1)[:, None] * np.count_nonzero(columns, axis=1)
    return y, (4 + np.sqrt(terms))[None, :, :, None] * EPSILON * size


def area(x, size):
    """The mean of what an output covers, which is one value; TensorFlow's takes a little of its neighbours."""
    return np.repeat(np.repeat(x, size[0], axis=1), size[1], axis=2), None


def up_sampling(config, shape, form="config", added=0):
    """`added` axes (a channel last, then a batch) are left out of the request."""
    first, method = config.get("data_format") == "channels_first", config["interpolation"].lower()
    x = np.round(RANDOM.normal(size=shape), 3).astype(np.float32)
    layer = keras.layers.UpSampling2D(**config)
    last = np.moveaxis(x, 1, -1) if first else x
    out = [n * size for n, size in zip(last.shape[1:3], layer.size)]
    y, bound = area(last, layer.size) if method == "area" else resampled(last, out, method)
    says = resize(last, out, method) if method in KERAS_REFUSES else None
    if first:
        y, bound = np.moveaxis(y, -1, 1), None if bound is None else np.moveaxis(bound, -1, 1)
        says = says if says is None else np.moveaxis(says, -1, 1)
    says = np.asarray(layer(x)) if says is None else says
    sent = x if added == 0 else x[0] if added == 1 else x[0, ..., 0]
    dropped = [n for n in range(4) if n < min(added, 1) or (added == 2 and n == 3)]
    made = {"name": f"UpSampling2D {config} on {list(shape)}",
            "request": {"input": tensor(sent, bool(RANDOM.integers(2))),
                        "layer": spelled(layer, "UpSampling2D", config, form)},
            "shape": [int(n) for i, n in enumerate(y.shape) if i not in dropped]}
    if method == "area":
        assert np.abs(says - y).max() <= 1e-6 * max(y.shape) * np.abs(x).max()
        return {**made, "expected": floats(y)}
    return {**made, "expected": [number(f"{v:.11g}") for v in y.reshape(-1)], "tolerance": rounded(bound),
            "keras": floats(says)}


SIZES = [2, 3, 4, [2, 3], [3, 1], [1, 2], [1, 1], [5, 2], [1, 6]]
LARGE = [
    [[1, 2], [1, 1, 2, 130]],  # more channels than are computed together
    [[3, 1], [1, 2, 1, 150]],
    [[2, 2], [1, 2, 1, 129]],
    [[1, 1], [1, 2, 1, 130]],
    [[1, 3], [1, 1, 300, 1]],  # long lines
    [[1, 2], [1, 1, 35, 16]],
    [[7, 1], [1, 60, 1, 1]],
    [[13, 19], [1, 1, 1, 1]],  # one pixel
    [[8, 9], [1, 3, 2, 1]],
]


def cases(method):
    for size, channels in itertools.product(SIZES, [1, 2, 3, 5, 16, 33]):
        factor = int(np.prod(np.broadcast_to(size, 2)))
        if channels > 3 and RANDOM.random() < 0.6:
            continue
        spatial = [int(n) for n in RANDOM.integers(1, 6, 2)]
        if np.prod(spatial) * factor * channels > 120:
            spatial = [1, 2] if RANDOM.random() < 0.5 else [2, 1]
        if np.prod(spatial) * factor * channels > 250:
            continue
        batch = 2 if np.prod(spatial) * factor * channels < 40 else 1
        name = str(RANDOM.choice([method, method, method.upper(), method.capitalize()]))
        config = {"size": size, "interpolation": name}
        added = int(RANDOM.integers(0, 3 if channels == 1 else 2)) if batch == 1 else 0
        shape = [batch, *spatial, channels]
        if RANDOM.random() < 0.3:
            config["data_format"], shape, added = "channels_first", [batch, channels, *spatial], min(added, 1)
        form = ["keras", "config", "beside"][int(RANDOM.integers(3))]
        yield up_sampling(config, shape, form, added)
    for n in [1, 2, 3, 9, 10, 11, 12, 17]:  # fewer inputs than a kernel has taps, as many, and more
        yield up_sampling({"size": [1, 3], "interpolation": method}, [1, 1, n, 1])
        yield up_sampling({"size": [2, 1], "interpolation": method}, [1, n, 1, 1])


def large():
    for i, (method, (size, shape)) in enumerate(itertools.product(METHODS, LARGE)):
        if method in ("bicubic", "lanczos5") or i % 4 == 0:
            yield up_sampling({"size": size, "interpolation": method}, shape)


def shuffled(block, shape, first, form):
    config = {"block_size": block, **({"data_format": "channels_first"} if first else {})}
    x = np.round(RANDOM.normal(size=shape), 3).astype(np.float32)
    last = np.moveaxis(x, 1, -1) if first else x
    # TensorFlow's op starts at blocks of 2; a block of one is the input itself.
    y = np.asarray(tf.nn.depth_to_space(last, block)) if block > 1 else last
    y = np.moveaxis(y, -1, 1) if first else y
    layer = {"class_name": "PixelShuffle", "config": config} if form else {"class_name": "PixelShuffle", **config}
    return {"name": f"PixelShuffle {config} on {shape}",
            "request": {"input": tensor(x, bool(RANDOM.integers(2))), "layer": layer},
            "shape": list(y.shape), "expected": floats(y)}


def pixel_shuffle():
    for block, channels, first in itertools.product([1, 2, 3, 4], [1, 2, 3, 5], [False, True]):
        spatial = [int(n) for n in RANDOM.integers(1, 5, 2)]
        batch = int(RANDOM.integers(1, 3))
        depth = channels * block * block
        shape = [batch, depth, *spatial] if first else [batch, *spatial, depth]
        yield shuffled(block, shape, first, bool(RANDOM.integers(2)))
    for block, shape in [(2, [1, 1, 1, 4]), (7, [1, 1, 2, 49]), (2, [1, 1, 150, 4]), (2, [1, 2, 3, 132]),
                         (5, [3, 1, 1, 25]), (2, [1, 33, 1, 12])]:
        yield shuffled(block, shape, False, True)


def main():
    for method in METHODS:
        write(f"up_sampling2d_{method}", cases(method))
    write("up_sampling2d_large", large())
    write("pixel_shuffle", pixel_shuffle())


if __name__ == "__main__":
    main()
