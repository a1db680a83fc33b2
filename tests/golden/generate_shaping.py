#!/usr/bin/env python3
"""Writes layers/shaping_*.json and refusals/shaping.json: layers that move, join or bend values one by one.

    python3 tests/golden/generate_shaping.py

Needs keras and tensorflow; README.md describes the files. The cases are drawn from a fixed seed.
What only moves values, or rounds them once an operation, is held to TensorFlow's answer bit for bit.
Functions are held to their formulas in float64.
"""

import itertools
import json

import keras
import numpy as np

from generate_layers import FOLDER, RANDOM, doubles, floats, initial, nested, rounded, spelled, tensor, values, write
from generate_refusals import refusal
from keras_reference import EPSILON, SMALLEST, log_softmax, negative_expm1, sigmoid

L = keras.layers
ARGUMENTS = np.array([0.0, -0.0, 1e-30, -1e-30, 1e-6, -1e-6, 1e-3, -1e-3, 0.1, -0.1, 0.25, -0.25, 0.49999997, 0.5,
                      -0.5, 0.50000006, -0.50000006, 0.75, -0.75, 0.99999994, 1.0, -1.0, 1.0000001, -1.0000001, 1.5,
                      -1.5, 2.0, -2.0, 3.25, -3.25, 5.99, 6.0, 6.01, -6.0, 9.5, -9.5, 17.0, -17.0, 80.0, -80.0],
                     np.float32)
FORMS = ["keras", "config", "beside"]


def form():
    return FORMS[int(RANDOM.integers(3))]


# --- Cases ----------------------------------------------------------------------------------------


def request(layer, config, x, how):
    entry = spelled(layer, type(layer).__name__, config, how)
    if layer.weights:
        entry["weights"] = [tensor(w, bool(RANDOM.integers(2))) for w in layer.get_weights()]
    return {"input": tensor(x, bool(RANDOM.integers(2))), "layer": entry}


def built(name, config, x, weights=True):
    layer = getattr(L, name)(**config)
    layer.build(x.shape)
    initial(layer, weights)
    return layer


def exact(name, config, x, how=None):
    """TensorFlow's own answer, every bit of it."""
    layer = built(name, config, x)
    y = np.asarray(layer(x), np.float32)
    return {"name": f"{name} {config} on {list(x.shape)}", "request": request(layer, config, x, how or form()),
            "shape": list(y.shape), "expected": floats(y)}


def last_places(value, count=4):
    place = np.spacing(np.abs(value).astype(np.float32)).astype(np.float64)
    return np.maximum(count * place, np.where(np.abs(value) < SMALLEST, SMALLEST, 0))


def near(name, request_, value, bound, keras_says, errs=None):
    made = {"name": name, "request": request_, "shape": list(value.shape), "expected": doubles(value),
            "tolerance": rounded(bound)}
    assert keras_says.shape == value.shape, name
    return {**made, "keras_errs": errs} if errs else {**made, "keras": floats(keras_says)}


def function(name, config, x, formula, how=None, lost=0, errs=None):
    layer = built(name, config, x)
    value = formula(x.astype(np.float64), *(w.astype(np.float64) for w in layer.get_weights()))
    what = config["activation"] if name == "Activation" else config
    return near(f"{name} {what} on {list(x.shape)}", request(layer, config, x, how or form()), value,
                last_places(value) + lost, np.asarray(layer(x), np.float32), errs)


# --- Layers that move values ----------------------------------------------------------------------


def pairs(rank, high):
    """Every way to write them."""
    def pair():
        return [int(n) for n in RANDOM.integers(0, high + 1, 2)]
    yield from (0, 1, high)
    if rank == 1:
        yield from ([0, high], [1, 0], pair())
        return
    yield [int(n) for n in RANDOM.integers(0, high + 1, rank)]
    yield [pair() for _ in range(rank)]
    yield [pair() for _ in range(rank)]
    yield [[0, 0]] * (rank - 1) + [[high, 0]]
    yield [pair() if i % 2 == 0 else 1 for i in range(rank)]


def borders():
    for rank, channels, first in itertools.product([1, 2, 3], [1, 3], [False, True]):
        for kind, member in [("ZeroPadding", "padding"), ("Cropping", "cropping")]:
            if first and kind == "Cropping" and rank == 1:
                continue
            for value in [None, *pairs(rank, 2)]:
                config = {} if value is None else {member: value}
                if first:
                    config["data_format"] = "channels_first"
                low = 1 if kind == "ZeroPadding" else 5
                spatial = [int(n) for n in RANDOM.integers(low, low + [5, 3, 2][rank - 1], rank)]
                batch = int(RANDOM.integers(1, 3))
                shape = [batch, channels, *spatial] if first else [batch, *spatial, channels]
                yield exact(f"{kind}{rank}D", config, values(*shape))


def reorders():
    for shape in [(2, 5), (1, 1), (2, 3, 4), (3, 4, 1), (1, 2, 3, 4), (2, 2, 1, 3, 2), (2, 1, 2, 3, 1, 2), (1, 17, 19)]:
        for dims in list(itertools.permutations(range(1, len(shape))))[:24]:
            yield exact("Permute", {"dims": list(dims)}, values(*shape))
        for data_format in ["channels_last", "channels_first", None]:
            yield exact("Flatten", {"data_format": data_format} if data_format else {}, values(*shape))
    for shape, targets in [((2, 12), [[3, 4], [-1], [2, -1], [12], [1, 3, -1, 2], [2, 2, 3, 1], [1, 1, 1, 1, 1, 1, 12]]),
                           ((1, 2, 3, 4), [[4, 3, 2], [-1, 4], [24], [6, -1], [8, -1, 3]]),
                           ((3, 1), [[1], [1, 1, -1], []]), ((2, 2, 2, 2, 2), [[4, 4], [2, -1], [-1, 16]])]:
        for target in targets:
            yield exact("Reshape", {"target_shape": target}, values(*shape))
    for n, shape in itertools.product([1, 2, 5, 16], [(1, 1), (1, 7), (3, 4), (2, 17)]):
        yield exact("RepeatVector", {"n": n}, values(*shape))


def rescalings():
    for scale, offset in [(2.0, None), (1 / 255, 0.0), (1 / 127.5, -1), (-0.3, 0.7), (0.1, [0.5, -0.25, 1 / 3]),
                          ([1.1, 0.0, -3.3], 0.1), ([0.229, 0.224, 0.225], [-0.485, -0.456, -0.406]),
                          ([[0.1], [0.2]], 0.3)]:
        for shape in [(2, 2, 3), (1, 4, 2, 3)]:
            config = {"scale": scale} if offset is None else {"scale": scale, "offset": offset}
            yield exact("Rescaling", config, 100 * values(*shape))


def nothings():
    for name, config in [("Identity", {}), ("Dropout", {"rate": 0.5}), ("Dropout", {"rate": 0, "seed": 3}),
                         ("Dropout", {"rate": 1.0, "noise_shape": [None, 1, 2]}), ("AlphaDropout", {"rate": 0.2}),
                         ("GaussianDropout", {"rate": 0.3, "seed": 1}), ("GaussianNoise", {"stddev": 0.7}),
                         ("ActivityRegularization", {"l1": 0.1, "l2": 2.0}), ("ActivityRegularization", {})]:
        for how in FORMS:
            yield exact(name, config, values(2, 3, 2), how)
    for rank, data_format in itertools.product([1, 2, 3], [None, "channels_first"]):
        if rank > 1 or data_format is None:
            config = {"rate": 0.5, **({"data_format": data_format} if data_format else {})}
            yield exact(f"SpatialDropout{rank}D", config, values(*[2, 3, 4, 2, 3][:rank + 2]))


# --- Functions ------------------------------------------------------------------------------------


def squareplus(x):
    root = np.sqrt(x * x + 4)
    return np.where(x < 0, 2 / (root - x), (x + root) / 2)


def sparsemax(x):
    """By sorting: k of the largest stay, the largest k for which the k-th stays. On the simplex the cut would
    be the k-th sum - 1, over k; Keras on TensorFlow takes the sum of the first k sums for the k-th."""
    ordered = -np.sort(-x, axis=-1)
    counts = np.arange(1, x.shape[-1] + 1)
    sums = np.cumsum(ordered, axis=-1)
    stay = (1 + counts * ordered > sums).sum(axis=-1, keepdims=True)
    cut = (np.where(counts <= stay, sums, 0).sum(axis=-1, keepdims=True) - 1) / stay
    return np.maximum(x - cut, 0)


def glu(x):
    value, gate = np.split(x, 2, axis=-1)
    return value * sigmoid(gate)


FUNCTIONS = {
    "celu": lambda x: np.where(x > 0, x, negative_expm1(x)),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "squareplus": squareplus,
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x)),
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "sparsemax": sparsemax,
    "glu": glu,
}
CANCELS = "loses digits far below zero, where x and the root nearly cancel"


def functions():
    for name, formula in FUNCTIONS.items():
        config = {"activation": name}
        # x - cut and (x + 1) / 2 end where they nearly vanish with the rounding of their first sum.
        lost = 2 * EPSILON if name in ("sparsemax", "sparse_sigmoid", "sparse_plus") else 0
        if name not in ("sparsemax", "glu"):
            x = np.concatenate([ARGUMENTS, np.float32([1e4, 1e30, 3e38])])
            errs = CANCELS if name == "squareplus" else None
            yield function("Activation", config, x[np.abs(x) < 1e18] if errs else x, formula, lost=lost, errs=errs)
        for shape in [(4, 6), (3, 2, 8), (2, 3, 2), (2, 34), (6,)]:
            x = (2 * values(*shape)).astype(np.float32)
            yield function("Activation", config, x, formula, lost=lost)
    for spread in [0.01, 0.3, 1, 30]:
        x = (spread * values(2, 40)).astype(np.float32)
        yield function("Activation", {"activation": "sparsemax"}, x, sparsemax, lost=2 * EPSILON * max(1, spread))


def relu(slope, most, threshold):
    def formula(x):
        kept = np.where(x > threshold, x, 0) if threshold else np.maximum(x, 0)
        kept = np.clip(kept, 0, most)
        return kept - slope * np.maximum(threshold - x, 0) if slope else kept
    return formula


def leaky(slope):
    return lambda x: np.where(x > 0, x, slope * x)


def elu(alpha):
    return lambda x: np.where(x > 0, x, alpha * negative_expm1(x))


def prelu(x, alpha):
    return np.where(x > 0, x, alpha * x)


def f32(x):
    return float(np.float32(x))


def softmax(axes):
    def formula(x):
        e = np.exp(x - x.max(axis=axes, keepdims=True))
        return e / e.sum(axis=axes, keepdims=True)
    return formula


def activation_layers():
    x = ARGUMENTS
    for slope, most, threshold in itertools.product([0.0, 0.25, 0.1, 2.0], [None, 6.0, 1.0, 0.0], [0.0, 0.5, 1.0, 3.25]):
        config = {k: v for k, v in [("negative_slope", slope), ("max_value", most), ("threshold", threshold)]
                  if v or (v is not None and RANDOM.integers(2))}
        formula = relu(f32(config.get("negative_slope", 0)), config.get("max_value", np.inf), config.get("threshold", 0))
        yield function("ReLU", config, x, formula, lost=2 * EPSILON if slope else 0)
    for slope in [None, 0.0, 0.1, 0.2, 1.0, 3.0]:
        config = {} if slope is None else {"negative_slope": slope}
        yield function("LeakyReLU", config, x, leaky(f32(0.3 if slope is None else slope)))
        if slope is not None:
            yield function("LeakyReLU", {"alpha": slope}, x, leaky(f32(slope)), "config")
    for alpha in [None, 1.0, 0.5, 2.5, 0.0, -1.0]:
        config = {} if alpha is None else {"alpha": alpha}
        yield function("ELU", config, x, elu(f32(1 if alpha is None else alpha)))
    for shape, shared in [((2, 5), None), ((2, 3, 4), None), ((2, 3, 4), [1]), ((2, 3, 4), [2]), ((2, 3, 4), [1, 2]),
                          ((1, 4, 3, 5), [1, 2]), ((3, 2, 3, 2), [2]), ((2, 2, 3, 2, 2), [1, 2, 3]), ((1, 33, 7), 1),
                          ((2, 3, 4), [0]), ((2, 3, 4), [-1]), ((2, 1, 4), [2])]:
        config = {} if shared is None else {"shared_axes": shared}
        yield function("PReLU", config, 2 * values(*shape), prelu)
    yield function("PReLU", {"alpha_initializer": {"class_name": "Constant", "config": {"value": 0.25}}},
                   values(2, 6), prelu)
    for shape in [(5,), (2, 7), (2, 3, 4), (1, 3, 2, 5), (2, 2, 3, 2, 3), (1, 2, 70), (2, 1, 3, 1)]:
        rank = len(shape)
        axes = [None, *range(-rank, rank)]
        lists = [list(c) for n in range(1, rank + 1) for c in itertools.combinations(range(rank), n)]
        for axis in [*axes[:1], *RANDOM.permutation(axes[1:])[:5].tolist(), *lists[:12], [-1]]:
            over = -1 if axis is None else tuple(axis) if isinstance(axis, list) else axis
            config = {} if axis is None else {"axis": axis}
            # exp(x - logsumexp(x)) is what Keras computes over several axes: it costs some digits.
            yield function("Softmax", config, (3 * values(*shape)).astype(np.float32), softmax(over))
    yield function("Softmax", {"axis": 1}, np.float32([[[100, -100], [0, 3e38]], [[-1e4, 5], [-1e4, 5]]]), softmax(1))


NESTED = [
    (L.LeakyReLU, {"negative_slope": 0.125}, leaky(0.125)), (L.LeakyReLU, {}, leaky(f32(0.3))),
    (L.ReLU, {"max_value": 2.0, "negative_slope": 0.5}, relu(0.5, 2.0, 0)), (L.ReLU, {"threshold": 1.5}, relu(0, np.inf, 1.5)),
    (L.ELU, {"alpha": 0.5}, elu(0.5)), (L.Softmax, {}, softmax(-1)), (L.Softmax, {"axis": 1}, softmax(1)),
    (L.Softmax, {"axis": [1, 2]}, softmax((1, 2))), (L.Activation, {"activation": "softsign"}, lambda x: x / (1 + abs(x))),
    (None, "glu", glu), (None, "sparsemax", sparsemax), (None, "celu", elu(1)),
]


def nested_activations():
    """Activation layers and functions inside a layer; sums of small whole numbers are exact."""
    for kind, config, formula in NESTED:
        for name, shape, more in [("Dense", (2, 3, 3), {"units": 4}),
                                  ("Conv1DTranspose", (2, 3, 3), {"filters": 4, "kernel_size": 1, "use_bias": False}),
                                  ("Conv2D", (2, 2, 3, 3), {"filters": 6, "kernel_size": 1, "use_bias": False}),
                                  ("Conv2DTranspose", (2, 3, 2, 4),
                                   {"filters": 3, "kernel_size": 1, "use_bias": False, "data_format": "channels_first"})]:
            activation = config if kind is None else kind(**config)
            layer = getattr(L, name)(activation=activation, **more)
            layer.build(shape)
            layer.set_weights([RANDOM.integers(-2, 3, w.shape).astype(np.float32) for w in layer.get_weights()])
            x = RANDOM.integers(-3, 4, shape).astype(np.float32) / 2
            kernel = layer.get_weights()[0].astype(np.float64)
            if more.get("data_format"):
                sums = np.einsum("nchw,fc->nfhw", x, kernel[0, 0])
            else:
                matrix = kernel.reshape(kernel.shape[-2:])
                sums = x @ (matrix.T if name.endswith("Transpose") else matrix)
            if name == "Dense":
                sums = sums + layer.get_weights()[1]
            value = formula(sums)
            says = np.asarray(layer(x), np.float32)
            yield near(f"{name} with {activation if kind is None else kind.__name__} {config} on {list(shape)}",
                       request(layer, None, x, "keras"), value, last_places(value) + 2 * EPSILON, says)


# --- Merges ---------------------------------------------------------------------------------------

BROADCASTS = [[(2, 3)], [(2, 3)] * 2, [(1, 4, 5)] * 3, [(2, 3, 4), (2, 1, 4)], [(2, 3, 4), (2, 3, 1)],
              [(2, 1, 4), (2, 3, 1)], [(2, 3, 4), (2, 4)], [(2, 4), (2, 3, 4)], [(2, 3, 4), (2, 1)],
              [(2, 3, 2, 5), (2, 5), (2, 2, 1)], [(1, 2, 1, 3), (1, 2, 3, 1), (1, 1, 3, 3)], [(3,), (3,)],
              [(3,), (3, 2)], [(1, 2, 3, 2, 2), (1, 1, 1, 1, 2)], [(1, 40, 33), (1, 33)], [(2, 1, 1), (2, 1)],
              [(2, 3)] * 7]
CONCATENATED = [(-1, [(2, 3), (2, 5), (2, 1)]), (1, [(2, 3), (2, 3)]), (1, [(2, 3, 4), (2, 1, 4)]),
                (2, [(2, 3, 4), (2, 3, 1)]), (-2, [(1, 2, 3, 2), (1, 2, 1, 2), (1, 2, 4, 2)]), (3, [(2, 2, 2, 1), (2, 2, 2, 7)]),
                (1, [(1, 2, 2, 2, 3), (1, 1, 2, 2, 3)]), (-1, [(3, 4)]), (-4, [(2, 2, 2, 2), (2, 2, 2, 2)]),
                (0, [(2, 3), (2, 3)])]
DOTS = [(1, [(2, 5), (2, 5)]), (-1, [(2, 5), (2, 5)]), ([1, 2], [(2, 3, 4), (2, 5, 3)]), (2, [(2, 3, 4), (2, 5, 4)]),
        ([1, 1], [(2, 3, 4), (2, 3, 5)]), ([1, 2], [(2, 4), (2, 3, 4)]), ([2, 1], [(2, 3, 4), (2, 4)]),
        (1, [(2, 4), (2, 4, 3)]), ([3, 2], [(1, 2, 3, 4), (1, 2, 4, 3)]), ([1, 3], [(2, 3, 2, 2), (2, 2, 2, 3)]),
        ([-1, -2], [(2, 3, 40), (2, 40, 35)]), ([2, 1], [(1, 2, 3, 2), (1, 3, 4)])]


def slim(value):
    """The model without what a reader may do without."""
    if isinstance(value, dict):
        return {k: slim(v) for k, v in value.items()
                if k not in ("dtype", "trainable", "build_config", "compile_config", "registered_name", "module")}
    return [slim(v) for v in value] if isinstance(value, list) else value


def merged(name, config, shapes, i=itertools.count()):
    inputs = [keras.Input(batch_shape=shape) for shape in shapes]
    model = keras.Model(inputs, getattr(L, name)(**config)(inputs))
    xs = [values(*shape) for shape in shapes]
    written = json.loads(model.to_json())
    says = np.asarray(getattr(L, name)(**config)(list(xs)), np.float32)
    asked = {"inputs": [nested(x) for x in xs], "model": written if next(i) % 8 == 0 else slim(written)}
    return f"{name} {config} of {shapes}", asked, xs, says


def merges():
    for name, shapes in itertools.product(["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"], BROADCASTS):
        if name == "Subtract" and len(shapes) != 2:
            continue
        title, asked, _, says = merged(name, {}, shapes)
        yield {"name": title, "request": asked, "shape": list(says.shape), "expected": floats(says)}
    for axis, shapes in CONCATENATED:
        title, asked, _, says = merged("Concatenate", {"axis": axis}, shapes)
        yield {"name": title, "request": asked, "shape": list(says.shape), "expected": floats(says)}


def dots():
    for (axes, shapes), normalize in itertools.product(DOTS, [False, True]):
        title, asked, (a, b), says = merged("Dot", {"axes": axes, "normalize": normalize}, shapes)
        pair = [axes, axes] if isinstance(axes, int) else axes
        a, b = (np.moveaxis(v.astype(np.float64), axis, -1) for v, axis in zip((a, b), pair))
        if normalize:
            a, b = (v / np.sqrt((v * v).sum(-1, keepdims=True)) for v in (a, b))
        flat = [v.reshape(v.shape[0], -1, v.shape[-1]) for v in (a, b)]
        value, size = (np.einsum("nik,njk->nij", *f).reshape(says.shape) for f in (flat, [abs(v) for v in flat]))
        yield near(title, asked, value, (4 + np.sqrt(a.shape[-1])) * EPSILON * size, says)


# --- Refusals -------------------------------------------------------------------------------------


def refused():
    """Layer, parameters, shape of the input, the parameter at fault, and what the sentence must show."""
    yield from [
        ("ReLU", {"max_value": -1}, (2, 3), "max_value", "-1"), ("ReLU", {"negative_slope": -0.5}, (2, 3), "negative_slope", "-0.5"),
        ("ReLU", {"threshold": -2}, (2, 3), "threshold", "-2"), ("ReLU", {"threshold": None}, (2, 3), "threshold", "null"),
        ("LeakyReLU", {"negative_slope": -1}, (2, 3), "negative_slope", "-1"), ("LeakyReLU", {"alpha": -1}, (2, 3), "alpha", "-1"),
        ("ELU", {"alpha": None}, (2, 3), "alpha", "null"), ("PReLU", {"shared_axes": [3]}, (2, 3, 4), "shared_axes", "3"),
        ("PReLU", {"shared_axes": [-2]}, (2, 3, 4), "shared_axes", "-2"), ("Softmax", {"axis": 3}, (2, 3, 4), "axis", "3"),
        ("Softmax", {"axis": -4}, (2, 3, 4), "axis", "-4"), ("Softmax", {"axis": []}, (2, 3, 4), "axis", "none"),
        ("Softmax", {"axis": [1, 1]}, (2, 3, 4), "axis", "twice"), ("Softmax", {"axis": [2, -1]}, (2, 3, 4), "axis", "twice"),
        ("Activation", {"activation": "glu"}, (2, 3), "activation", "halved"),
        ("Activation", {"activation": "threshold"}, (2, 3), "activation", "threshold"),
        ("Dense", {"units": 3, "activation": "glu"}, (2, 3), "activation", "halved"),
        ("Reshape", {"target_shape": [5]}, (2, 3, 4), "target_shape", "(2, 3, 4)"),
        ("Reshape", {"target_shape": [5, -1]}, (2, 3, 4), "target_shape", "(2, 3, 4)"),
        ("Reshape", {"target_shape": [0, -1]}, (2, 3, 4), "target_shape", "0"),
        ("Reshape", {"target_shape": [-1, -1]}, (2, 3, 4), "target_shape", "2"),
        ("Reshape", {"target_shape": 12}, (2, 3, 4), "target_shape", "12"), ("Reshape", {"target_shape": []}, (2, 3, 4), "target_shape", "12"),
        ("Permute", {"dims": [1]}, (2, 3, 4), "dims", "1"),
        ("Permute", {"dims": [2, 2]}, (2, 3, 4), "dims", "once"), ("Permute", {"dims": [0, 1]}, (2, 3, 4), "dims", "0"),
        ("Permute", {"dims": [2, 3]}, (2, 3, 4), "dims", "once"), ("Permute", {"dims": 1}, (2, 3), "dims", "list"),
        ("RepeatVector", {"n": 0}, (2, 3), "n", "0"), ("RepeatVector", {"n": True}, (2, 3), "n", "true"),
        ("RepeatVector", {"n": 2}, (2, 3, 4), "n", "(2, 3, 4)"),
        ("ZeroPadding1D", {"padding": -1}, (2, 3, 1), "padding", "-1"), ("ZeroPadding1D", {"padding": [1]}, (2, 3, 1), "padding", "1"),
        ("ZeroPadding1D", {"padding": [1, 2, 3]}, (2, 3, 1), "padding", "3"),
        ("ZeroPadding1D", {"padding": [[1, 2], [0, 1]]}, (2, 3, 1), "padding", "list"),
        ("ZeroPadding2D", {"padding": [1]}, (2, 3, 3, 1), "padding", "1"), ("ZeroPadding2D", {"padding": -2}, (2, 3, 3, 1), "padding", "-2"),
        ("ZeroPadding2D", {"padding": [[1], [2]]}, (2, 3, 3, 1), "padding", "1"),
        ("ZeroPadding2D", {"padding": [-1, 2]}, (2, 3, 3, 1), "padding", "-1"),
        ("ZeroPadding3D", {"padding": [1, 2]}, (1, 2, 2, 2, 1), "padding", "2"), ("ZeroPadding2D", {"padding": "same"}, (2, 3, 3, 1), "padding", "same"),
        ("Cropping1D", {"cropping": [1, 2]}, (2, 3, 1), "cropping", "3"), ("Cropping1D", {"cropping": -1}, (2, 3, 1), "cropping", "-1"),
        ("Cropping2D", {"cropping": [[0, 3], [0, 0]]}, (2, 3, 3, 1), "cropping", "3"),
        ("Cropping2D", {"cropping": 2, "data_format": "channels_first"}, (2, 9, 3, 9), "cropping", "4"),
        ("Cropping3D", {}, (1, 3, 3, 2, 1), "cropping", "2"), ("Rescaling", {}, (2, 3), "scale", "scale"),
        ("Rescaling", {"scale": [1, 2]}, (2, 3), "scale", "(2,)"), ("Rescaling", {"scale": 1, "offset": [[1, 2], [3]]}, (2, 2), "offset", "length"),
        ("Dropout", {"rate": 1.5}, (2, 3), "rate", "1.5"), ("Dropout", {"rate": -0.1}, (2, 3), "rate", "-0.1"), ("Dropout", {}, (2, 3), "rate", "rate"),
        ("Dropout", {"rate": 0.5, "noise_shape": 3}, (2, 3), "noise_shape", "3"),
        ("Dropout", {"rate": 0.5, "noise_shape": [0, 1]}, (2, 3), "noise_shape", "0"),
        ("SpatialDropout2D", {"rate": 2}, (2, 3, 3, 1), "rate", "2"), ("AlphaDropout", {"rate": -1}, (2, 3), "rate", "-1"),
        ("GaussianNoise", {"stddev": 2}, (2, 3), "stddev", "2"), ("GaussianDropout", {"rate": 1.01}, (2, 3), "rate", "1.01"),
        ("ActivityRegularization", {"l1": -1}, (2, 3), "l1", "-1"),
    ]


def refusals():
    for name, config, shape, at, text in refused():
        asked = {"input": nested(values(*shape)), "layer": {"class_name": name, "config": config}}
        yield {"request": asked, "pointer": f"/layer/config/{at}", "text": text, "keras": refusal(asked)}


def write_refusals():
    cases = list(refusals())
    with (FOLDER.parent / "refusals" / "shaping.json").open("w", encoding="utf-8") as file:
        file.write('{"made_with": ' + json.dumps({"keras": keras.__version__}) + ',\n"cases": [\n')
        file.write(",\n".join(map(json.dumps, cases)) + "\n]}\n")


def main():
    keras.utils.set_random_seed(1)
    write("shaping_moves", itertools.chain(borders(), reorders(), nothings()))
    write("shaping_functions", itertools.chain(functions(), activation_layers(), nested_activations()))
    write("shaping_merges", itertools.chain(merges(), dots(), rescalings()))
    write_refusals()


if __name__ == "__main__":
    main()
