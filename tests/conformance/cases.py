"""A case: layers with their weights, inputs, and the form that the request has."""

import copy

import numpy as np

import draw
import truth

PLAIN = {"body": "json", "tensors": "nested", "layer": "config", "answer": "json", "drop": 0}
# Axes that service inputs may lack are those of layers that keep the rank.
KEEP_RANK = ("Conv", "Depthwise", "Separable", "UpSampling", "MaxPool", "AveragePool", "ZeroPadding", "Cropping",
             "Adaptive", "PixelShuffle")


class Refused(Exception):
    """Keras does not take what a generator drew."""


class Case:
    def __init__(self, layers, inputs, form=None):
        self.layers = layers  # of {"class_name", "config", "weights": arrays or None}
        self.inputs = inputs  # as Keras takes them
        self.form = {**PLAIN, **(form or {})}

    def copy(self):
        return copy.deepcopy(self)

    def plain(self):
        return Case(self.layers, self.inputs, {**PLAIN, "drop": self.form["drop"]})

    def first(self):
        return self.layers[0]["config"].get("data_format") == "channels_first"

    def channels(self, rank):
        return 1 if self.first() else rank - 1

    def sent(self):
        """The input as the request has it: a batch, and a channel, of one may be left out."""
        x = self.inputs[0]
        if self.form["drop"] == 0:
            return x
        return x[0] if self.form["drop"] == 1 else np.squeeze(x, (0, self.channels(x.ndim)))

    def received(self, y):
        """The answer for that: what was put in is taken out, but not channels that became more."""
        if self.form["drop"] == 0:
            return y
        dropped = (0,)
        if self.form["drop"] == 2 and y.shape[self.channels(y.ndim)] == 1:
            dropped = (0, self.channels(y.ndim))
        return np.squeeze(y, dropped)

    def __str__(self):
        layers = " | ".join(f"{x['class_name']} {x['config']}" for x in self.layers)
        return f"{layers} on {' and '.join(str(list(x.shape)) for x in self.inputs)}, {self.form}"


# --- Drawing --------------------------------------------------------------------------------------


def values(random, shape):
    x = random.normal(size=shape)
    kind = random.integers(8)
    if kind == 0:
        x = np.round(4 * x)
    elif kind == 1:
        x = x * 10.0 ** random.integers(-4, 5)
    elif kind == 2:
        x = x + 100
    elif kind == 3:
        x = np.where(random.random(shape) < 0.7, 0, x)
    return x.astype(np.float32)


def weights(random, layer):
    found = []
    for w in layer.weights:
        x = random.normal(size=w.shape)
        if "variance" in w.path:
            x = 0.05 + np.abs(x)
        elif len(w.shape) > 1:
            x = x / np.sqrt(max(1, np.prod(w.shape[:-1])))
        found.append(x.astype(np.float32))
    return found


def built(entry, shapes):
    """The Keras layer, with the weights of the entry; says so when Keras refuses it."""
    try:
        layer = truth.make(entry["class_name"], entry["config"])
        shape = [tuple(s) for s in shapes] if len(shapes) > 1 else tuple(shapes[0])
        layer.build(shape)
        if entry.get("weights"):
            layer.set_weights(entry["weights"])
        return layer
    except Exception as error:  # Keras raises what it likes
        raise Refused(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}") from error


def with_weights(random, entry, shapes):
    layer = built(entry, shapes)
    if layer.weights:
        entry["weights"] = weights(random, layer)
    return layer


def form_for(random, case):
    form = {"body": str(random.choice(["json", "json", "multipart"])),
            "tensors": str(random.choice(["nested", "flat", "npy"])),
            "layer": str(random.choice(["config", "short", "keras"])),
            "answer": str(random.choice(["npy", "npy", "json"]))}
    if len(case.inputs) > 1:
        return {**form, "body": "json", "answer": "json"}
    if not any(x.get("weights") for x in case.layers) and random.random() < 0.2:
        form["body"] = "npy"
    x = case.inputs[0]
    keeps = all(entry["class_name"].startswith(KEEP_RANK) for entry in case.layers)
    formats = {entry["config"].get("data_format", "channels_last") for entry in case.layers}
    if keeps and len(formats) == 1 and x.shape[0] == 1:
        form["drop"] = int(random.integers(0, 3 if x.shape[case.channels(x.ndim)] == 1 else 2))
    return form


def single(random, row):
    """One layer; None for one that no generator knows."""
    drawn = draw.layer(random, row)
    if drawn is None:
        return None
    config, shape = drawn
    shapes = shape if isinstance(shape[0], list) else [shape]
    entry = {"class_name": row["class_name"], "config": config}
    with_weights(random, entry, shapes)
    case = Case([entry], [values(random, s) for s in shapes])
    case.form = {**PLAIN, **form_for(random, case)}
    return case


# --- Chains ---------------------------------------------------------------------------------------


def links(random, d, first, shape):
    """Layers that may follow a tensor of d spatial axes, whatever its lengths are."""
    def n(low, high):
        return int(random.integers(low, high + 1))

    data_format = {"data_format": "channels_first"} if first else {}
    activation = str(random.choice(["linear", "relu", "tanh", "leaky_relu", "elu", "sigmoid", "gelu", "silu"]))
    conv = {"filters": n(1, 6), "kernel_size": n(1, 4), "activation": activation, **data_format}
    found = [
        (f"Conv{d}DTranspose", {**conv, "strides": n(1, 2), "padding": str(random.choice(["same", "valid"]))}),
        (f"Conv{d}DTranspose", {**conv, "strides": 2, "padding": "same"}),
        (f"Conv{d}D", {**conv, "padding": "same"}), (f"Conv{d}D", {**conv, "padding": "same", "strides": 2}),
        (f"UpSampling{d}D", {"size": 2, **(data_format if d > 1 else {})}),
        ("Activation", {"activation": activation}), ("ReLU", {"max_value": 6.0}),
        ("LeakyReLU", {"negative_slope": 0.1}), ("ELU", {}), ("PReLU", {}), ("Dropout", {"rate": 0.5}),
        ("BatchNormalization", {"axis": 1} if first else {}), ("LayerNormalization", {}),
        (f"MaxPooling{d}D", {"padding": "same", **data_format}),
        (f"AveragePooling{d}D", {"pool_size": 2, "padding": "same", **data_format}),
        (f"ZeroPadding{d}D", {"padding": 1, **data_format}), ("Dense", {"units": n(1, 8), "activation": activation}),
        ("Rescaling", {"scale": 2.0, "offset": -1.0}), ("Identity", {}),
    ]
    if d < 3:
        found.append((f"DepthwiseConv{d}D", {"kernel_size": 3, "padding": "same", **data_format}))
        found.append((f"SeparableConv{d}D", {"filters": n(1, 6), "kernel_size": 3, "padding": "same", **data_format}))
    if d == 2:
        bilinear = {"size": 2, "interpolation": str(random.choice(["bilinear", "bicubic"])), **data_format}
        found.append(("UpSampling2D", bilinear))
    return found


def ends(random, d, first, shape):
    data_format = {"data_format": "channels_first"} if first else {}
    return [[("Flatten", data_format), ("Dense", {"units": 6}), ("Reshape", {"target_shape": [3, 2]})],
            [(f"GlobalAveragePooling{d}D", data_format), ("Dense", {"units": 3, "activation": "softmax"})],
            [(f"GlobalMaxPooling{d}D", data_format), ("RepeatVector", {"n": 2})], [], [], []]


def chain(random, known):
    d, first = int(random.integers(1, 4)), random.random() < 0.2
    spatial = [int(random.integers(1, [12, 7, 4][d - 1])) for _ in range(d)]
    batch, channels = int(random.integers(1, 3)), int(random.integers(1, 5))
    start = [batch, channels, *spatial] if first else [batch, *spatial, channels]
    entries, shape = [], tuple(start)

    def add(name, config):
        nonlocal shape
        entry = {"class_name": name, "config": config}
        layer = with_weights(random, entry, [shape])
        grown = tuple(layer.compute_output_shape(shape))
        if np.prod(grown) <= draw.VALUES_MAX:
            entries.append(entry)
            shape = grown

    for _ in range(int(random.integers(1, 5))):
        options = [(name, config) for name, config in links(random, d, first, shape) if name in known
                   and not (name.startswith("UpSampling1D") and first)]
        if options:
            add(*options[int(random.integers(len(options)))])
    end = ends(random, d, first, shape)
    end = end[int(random.integers(len(end)))]
    if all(name in known for name, _ in end):
        for name, config in end:
            add(name, config)
    if not entries:
        return chain(random, known)
    case = Case(entries, [values(random, start)])
    case.form = {**PLAIN, **form_for(random, case)}
    return case
