#!/usr/bin/env python3
"""Writes layers/*.json: requests, and what Keras on TensorFlow and a float64 formula answer.

    python3 tests/golden/generate_layers.py

Needs keras and tensorflow; README.md describes the files. The cases are drawn from a fixed seed.
"""

import itertools
import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np
import tensorflow as tf

from keras_reference import FUNCTIONS, Reference

FOLDER = pathlib.Path(__file__).parent / "layers"
RANDOM = np.random.default_rng(20260101)
POINTWISE = [name for name in FUNCTIONS if not name.endswith("softmax")]
# Arguments that change every bit: signed zeros, the edges of each function's pieces, far tails.
ARGUMENTS = [0.0, -0.0, 1e-30, -1e-30, 1e-6, -1e-6, 1e-3, -1e-3, 0.1, -0.1, 0.5, -0.5, 0.999, 1.0, -1.0,
             1.001, 1.5, -1.5, 2.0, -2.0, 2.999, 3.0, -3.0, -2.999, 3.001, 4.0, -4.0, 5.5, -5.5, 6.0,
             6.001, -6.0, 8.0, -8.0, 9.5, -9.5, 13.9, -13.9, 17.0, -17.0, 30.0, -30.0, 80.0, -80.0]
FAR = [104.5, -104.5, 1e4, -1e4, 1e30, -1e30, 3e38, -3e38]


# --- Numbers as text ------------------------------------------------------------------------------


def number(text):
    value = float(text)
    whole = value.is_integer() and abs(value) < 1e15 and not (value == 0 and text.startswith("-"))
    return int(value) if whole else value


def floats(x):
    """Shortest texts that read back as the same float32."""
    return [number(str(v)) for v in np.asarray(x, np.float32).reshape(-1)]


def nested(x):
    x = np.asarray(x, np.float32)
    return floats(x.reshape(1))[0] if x.ndim == 0 else [nested(v) for v in x]


def doubles(x):
    return [number(repr(float(v))) for v in np.asarray(x, np.float64).reshape(-1)]


def rounded(x):
    return [number(f"{v:.4g}") for v in np.asarray(x, np.float64).reshape(-1)]


def values(*shape):
    return np.round(RANDOM.normal(size=shape), 3).astype(np.float32)


def tensor(x, flat):
    return {"shape": list(x.shape), "data": floats(x)} if flat else nested(x)


# --- Cases ----------------------------------------------------------------------------------------


def answer(layers, x):
    """What Keras gives, or why it does not."""
    try:
        y = tf.constant(x)
        for layer in layers:
            y = layer(y)
        return np.asarray(y, np.float32), None
    except Exception as error:  # TensorFlow's kernels refuse in many ways
        return None, type(error).__name__


def case(name, request, layers, x, dropped=()):
    """`dropped` are the axes that the service took out of the answer, because it put them in."""
    reference = Reference(x)
    for layer in layers:
        reference.layer(layer)
    keras_says, refusal = answer(layers, x)
    shape = [n for i, n in enumerate(reference.value.shape) if i not in dropped]
    made = {"name": name, "request": request, "shape": shape}
    assert keras_says is None or keras_says.shape == reference.value.shape, name
    if reference.exact:
        assert np.array_equal(keras_says, reference.value), name
        return {**made, "expected": floats(keras_says)}
    made["expected"] = doubles(reference.value)
    made["tolerance"] = rounded(reference.bound)
    if keras_says is None:
        return {**made, "keras_refuses": refusal}
    error = keras_error(layers, x.shape)
    if error is not None:
        return {**made, "keras_errs": error}
    return {**made, "keras": floats(keras_says)}


def keras_error(layers, shape):
    """What Keras 3.15 on TensorFlow gets wrong."""
    for layer in layers:
        first = getattr(layer, "data_format", "channels_last") == "channels_first"
        if (type(layer).__name__ in ("DepthwiseConv2D", "SeparableConv2D") and max(layer.dilation_rate) == 1
                and len(set(layer.strides)) > 1 and shape[1 if first else -1] == 1):
            return "goes along the width with the height's stride where there is one channel"
        shape = tuple(layer.compute_output_shape(shape))
        bias = layer.get_weights()[-1].shape if getattr(layer, "use_bias", False) else ()
        if first and bias == shape[-1:] and bias != (1,):
            return "adds the bias along the width, which has as many values as there are filters"
    return None


def initial(layer, weights):
    """Weights for a layer, or what its initializers draw."""
    if weights and layer.weights:
        layer.set_weights([values(*w.shape) for w in layer.get_weights()])


def spelled(layer, class_name, config, form):
    """A layer as Keras writes it, with the parameters given, or with them beside the name."""
    if form == "keras":
        return keras.saving.serialize_keras_object(layer)
    return {"class_name": class_name, "config": config} if form == "config" else {"class_name": class_name, **config}


def chain(name, specs, x, form="config", weights=True, flat=False, added=0, member="layers"):
    """`added` axes of x (a channel last or first, then a batch) are left out of the request."""
    layers, written, y = [], [], x
    for class_name, config in specs:
        layer = getattr(keras.layers, class_name)(**config)
        layer.build(y.shape)
        initial(layer, weights)
        shape = layer.compute_output_shape(y.shape)
        y = np.zeros(shape, np.float32)
        entry = spelled(layer, class_name, config, form)
        if weights and layer.weights:
            entry["weights"] = [tensor(w, flat) for w in layer.get_weights()]
        layers.append(layer)
        written.append(entry)
    axis = 1 if specs[0][1].get("data_format") == "channels_first" else -1
    sent = x if added == 0 else x[0] if added == 1 else np.squeeze(x, (0, axis % x.ndim))
    dropped = () if added == 0 else (0, axis % x.ndim) if added == 2 and y.shape[axis] == 1 else (0,)
    request = {"input": tensor(sent, flat), member: written[0] if member == "layer" else written}
    return case(name, request, layers, x, dropped)


# --- What there is --------------------------------------------------------------------------------


def up_sampling(rank):
    sizes = [1, 2, 3, [1, 2, 5][:rank], [3, 1, 2][:rank], [4, 2, 1][:rank]] if rank > 1 else [1, 2, 3, 4, 7]
    formats = ["channels_last", "channels_first"] if rank > 1 else [None]
    for size, data_format, channels in itertools.product(sizes, formats, [1, 3]):
        config = {"size": size, **({"data_format": data_format} if data_format else {})}
        spatial = [int(n) for n in RANDOM.integers(1, 4, rank)]
        batch = int(RANDOM.integers(1, 4))
        shape = [batch, channels, *spatial] if data_format == "channels_first" else [batch, *spatial, channels]
        added = int(RANDOM.integers(0, 3)) if batch == 1 and channels == 1 else 0
        form = ["keras", "config", "beside"][int(RANDOM.integers(3))]
        yield chain(f"UpSampling{rank}D {config} on {shape}", [(f"UpSampling{rank}D", config)],
                    values(*shape), form, flat=bool(RANDOM.integers(2)), added=added, member="layer")
    for shape, added in [([1, *[4, 3, 2][:rank], 1], 2), ([1, *[2, 3, 4][:rank], 5], 1)]:
        yield chain(f"UpSampling{rank}D on {shape} without {added} axes", [(f"UpSampling{rank}D", {})],
                    values(*shape), added=added, member="layer")


def ints(low, high, rank):
    """One number for all axes, or one for each."""
    if RANDOM.random() < 0.4:
        return int(RANDOM.integers(low, high + 1))
    return [int(n) for n in RANDOM.integers(low, high + 1, rank)]


def conv_config(rank):
    config = {"filters": int(RANDOM.choice([1, 1, 2, 3, 4, 5, 9, 17])),
              "kernel_size": ints(1, 4 if rank == 3 else 7, rank)}
    if RANDOM.random() < 0.7:
        config["strides"] = ints(1, 3 if rank == 3 else 4, rank)
    if RANDOM.random() < 0.6:
        config["padding"] = str(RANDOM.choice(["same", "SAME", "same", "valid"]))
    strides = np.broadcast_to(config.get("strides", 1), rank)
    if RANDOM.random() < 0.5:
        config["output_padding"] = [int(RANDOM.integers(0, s)) for s in strides]
        if len(set(config["output_padding"])) == 1 and RANDOM.random() < 0.5:
            config["output_padding"] = config["output_padding"][0]
    if strides.max() == 1 and RANDOM.random() < 0.5:
        config["dilation_rate"] = ints(1, 3, rank)
    if RANDOM.random() < 0.25:
        config["data_format"] = "channels_first"
    if RANDOM.random() < 0.3:
        config["use_bias"] = False
    if RANDOM.random() < 0.5:
        config["activation"] = str(RANDOM.choice([*FUNCTIONS]))
    return config


def small(config, spatial, batch, channels):
    """No more numbers than a file of many cases has room for; and an output at all."""
    rank = len(spatial)
    kernel = np.broadcast_to(config["kernel_size"], rank)
    strides, dilation = (np.broadcast_to(config.get(key, 1), rank) for key in ("strides", "dilation_rate"))
    extent = (kernel - 1) * dilation + 1
    if config.get("padding", "valid").lower() == "same" and config.get("output_padding") is not None:
        if ((np.array(spatial) - 1) * strides + extent % 2 + np.array(config["output_padding"])).min() < 1:
            return False
    out = np.prod((np.array(spatial) - 1) * strides + np.maximum(extent, strides))
    return out * batch * config["filters"] <= 220 and np.prod(kernel) * channels * config["filters"] <= 400


def conv_transpose(rank, count):
    made = 0
    while made < count:
        config = conv_config(rank)
        spatial = [int(n) for n in RANDOM.integers(1, [9, 6, 4][rank - 1], rank)]
        batch, channels = int(RANDOM.choice([1, 1, 2, 3])), int(RANDOM.choice([1, 2, 3, 4, 7]))
        if not small(config, spatial, batch, channels):
            continue
        first = config.get("data_format") == "channels_first"
        shape = [batch, channels, *spatial] if first else [batch, *spatial, channels]
        added = 0 if batch > 1 else int(RANDOM.integers(0, 3 if channels == 1 else 2))
        form = ["keras", "config", "config", "beside"][int(RANDOM.integers(4))]
        yield chain(f"Conv{rank}DTranspose {config} on {shape}", [(f"Conv{rank}DTranspose", config)], values(*shape),
                    form, flat=bool(RANDOM.integers(2)), added=added, member="layer")
        made += 1


# Past the blocks that an implementation may work in: long lines, many taps, many channels.
LARGE = [
    ("UpSampling1D", [1, 4099, 1], {"size": 2}),
    ("UpSampling2D", [1, 2, 700, 3], {"size": [1, 2]}),
    ("Conv1DTranspose", [1, 500, 1], {"filters": 1, "kernel_size": 3, "padding": "same"}),
    ("Conv1DTranspose", [2, 130, 2], {"filters": 2, "kernel_size": 4, "strides": 3, "activation": "tanh"}),
    ("Conv1DTranspose", [1, 3, 130], {"filters": 3, "kernel_size": 5, "strides": 2}),
    ("Conv1DTranspose", [1, 3, 3], {"filters": 67, "kernel_size": 3, "strides": 2, "activation": "relu"}),
    ("Conv1DTranspose", [1, 4, 2], {"filters": 2, "kernel_size": 150, "strides": 2, "padding": "same"}),
    ("Conv2DTranspose", [1, 2, 210, 1], {"filters": 1, "kernel_size": [2, 3]}),
    ("Conv2DTranspose", [1, 11, 13, 1], {"filters": 2, "kernel_size": 9, "padding": "same"}),
    ("Conv2DTranspose", [1, 5, 5, 2], {"filters": 1, "kernel_size": [13, 11], "strides": [3, 2]}),
    ("Conv2DTranspose", [1, 6, 5, 1], {"filters": 3, "kernel_size": 3, "dilation_rate": [4, 3], "padding": "same"}),
    ("Conv2DTranspose", [1, 3, 1, 210], {"filters": 2, "kernel_size": 2, "strides": [1, 2],
                                         "data_format": "channels_first"}),
    ("Conv2DTranspose", [1, 3, 3, 33], {"filters": 35, "kernel_size": 2, "strides": 2}),
    ("Conv2DTranspose", [1, 3, 4, 1], {"filters": 1, "kernel_size": 2, "strides": [9, 7], "output_padding": [8, 5]}),
    ("Conv3DTranspose", [1, 2, 2, 60, 1], {"filters": 1, "kernel_size": 5, "strides": [1, 1, 2], "padding": "same",
                                           "output_padding": [0, 0, 1]}),
    ("Conv3DTranspose", [1, 2, 3, 2, 5], {"filters": 9, "kernel_size": [2, 3, 2], "strides": [2, 1, 3]}),
]


def large():
    for class_name, shape, config in LARGE:
        yield chain(f"{class_name} {config} on {shape}", [(class_name, config)], values(*shape), flat=True,
                    member="layer")


def seeded():
    """Weights that initializers draw from a given seed, and the defaults of Keras."""
    kernels = [{"class_name": "GlorotUniform", "config": {"seed": 7}},
               {"class_name": "HeNormal", "config": {"seed": 42}},
               {"class_name": "RandomUniform", "config": {"seed": 1, "minval": -1.0, "maxval": 0.5}},
               {"class_name": "Constant", "config": {"value": 0.25}}, "ones"]
    for kernel, rank in itertools.product(kernels, [1, 2, 3]):
        config = {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "kernel_initializer": kernel,
                  "bias_initializer": {"class_name": "RandomNormal", "config": {"seed": 9}}}
        shape = [1, *[5, 4, 2][:rank], 2]
        yield chain(f"Conv{rank}DTranspose {config}", [(f"Conv{rank}DTranspose", config)], values(*shape),
                    weights=False, member="layer")


def activations():
    lists = np.array(ARGUMENTS, np.float32)
    for name in FUNCTIONS:
        x = np.concatenate([lists, np.array(FAR, np.float32)])
        if name == "exponential":
            x = x[x < 80.5]
        if name == "selu":
            x = x[np.abs(x) < 2e38]
        if name in POINTWISE:
            yield chain(f"Activation {name}", [("Activation", {"activation": name})], x, member="layer")
            specs = [("Conv1DTranspose", {"filters": 1, "kernel_size": 1, "activation": name,
                                          "kernel_initializer": "ones"})]
            if name != "linear":
                yield fused(f"{name} within a layer", specs, x[np.abs(x) < 1e4])
        for shape in [(4, 5), (3, 2, 7), (2, 3, 1), (2, 2, 3, 17)]:
            yield chain(f"Activation {name} on {shape}", [("Activation", {"activation": name})],
                        (3 * values(*shape)).astype(np.float32), "keras", member="layer")
    for alias in ["swish", "hard_swish"]:
        yield chain(f"Activation {alias}", [("Activation", {"activation": alias})], values(5, 7), member="layer")
    for name in ["softmax", "log_softmax"]:
        x = np.array([[100, -100, 0], [3e38, 3e38, 1e38], [-0.0, 0, 0], [-1e4, -1e4, -1e4]], np.float32)
        yield chain(f"Activation {name}, far apart", [("Activation", {"activation": name})], x, member="layer")


def fused(name, specs, x):
    """A kernel of one 1 and no bias to speak of: only the activation may be off."""
    made = chain(name, specs, x.reshape(1, -1, 1), weights=False, member="layer")
    only = Reference(x)
    only.activation(specs[0][1]["activation"])
    return {**made, "tolerance": rounded(only.bound)}


CHAINS = [
    [("UpSampling2D", {"size": 2}), ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "padding": "same"})],
    [("UpSampling1D", {"size": 3}), ("UpSampling1D", {"size": 2})],
    [("Conv1DTranspose", {"filters": 3, "kernel_size": 4, "strides": 2, "padding": "same", "activation": "relu"}),
     ("Conv1DTranspose", {"filters": 2, "kernel_size": 5, "strides": 3, "activation": "tanh"}),
     ("UpSampling1D", {"size": 2}), ("Activation", {"activation": "sigmoid"})],
    [("Conv2DTranspose", {"filters": 3, "kernel_size": [2, 3], "strides": 2, "data_format": "channels_first"}),
     ("UpSampling2D", {"size": [1, 2], "data_format": "channels_first"}),
     ("Conv2DTranspose", {"filters": 1, "kernel_size": 2, "padding": "same", "data_format": "channels_first"})],
    [("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "data_format": "channels_first", "activation": "softmax"}),
     ("Conv2DTranspose", {"filters": 2, "kernel_size": 2, "strides": 2})],
    [("UpSampling2D", {"size": 2, "data_format": "channels_first"}), ("UpSampling2D", {"size": [2, 1]}),
     ("Activation", {"activation": "softmax"})],
    [("Conv3DTranspose", {"filters": 2, "kernel_size": 2, "strides": [1, 2, 2]}),
     ("Activation", {"activation": "leaky_relu"}), ("UpSampling3D", {"size": [2, 1, 1]})],
    [("Activation", {"activation": "gelu"}), ("Conv2DTranspose", {"filters": 4, "kernel_size": 1}),
     ("Activation", {"activation": "softmax"})],
    [("Conv2DTranspose", {"filters": 8, "kernel_size": 4, "strides": 2, "padding": "same", "activation": "relu"}),
     ("Conv2DTranspose", {"filters": 4, "kernel_size": 4, "strides": 2, "padding": "same", "activation": "relu"}),
     ("Conv2DTranspose", {"filters": 1, "kernel_size": 3, "padding": "same", "activation": "sigmoid"})],
]


def shapes_of(specs):
    rank = next(int(name[-2] if name.startswith("UpSampling") else name[4]) for name, _ in specs
                if name != "Activation")
    return [1, 2, 3][:rank], specs[0][1].get("data_format") == "channels_first"


def chains():
    for i, (specs, batch) in enumerate(itertools.product(CHAINS, [1, 2])):
        spatial, first = shapes_of(specs)
        x = values(batch, 2, *spatial) if first else values(batch, *spatial, 2)
        yield chain(" | ".join(f"{name} {config}" for name, config in specs), specs, x,
                    ["keras", "config", "beside"][i % 3], flat=i % 2 == 0)


def asked(model, x, by_name, as_text, flat):
    """A request that brings a model, and its weights by name or as get_weights() lists them."""
    text = model.to_json()
    request = {"input": tensor(x, flat), "model": text if as_text else json.loads(text)}
    if by_name:
        request["weights"] = {layer.name: [nested(w) for w in layer.get_weights()]
                              for layer in model.layers if layer.weights}
    else:
        request["weights"] = [tensor(w, flat) for w in model.get_weights()]
    return request


def ways():
    """Each chain as a model: its layers, the input, and how the request is written."""
    for i, (specs, by_name, as_text) in enumerate(itertools.product(CHAINS, [False, True], [False, True])):
        keras.backend.clear_session()
        spatial, first = shapes_of(specs)
        shape = [2, *spatial] if first else [*spatial, 2]
        layers = [getattr(keras.layers, name)(**config) for name, config in specs]
        name = f"model of {', '.join(name for name, _ in specs)}"
        yield name, layers, shape, (by_name, as_text, i % 3 == 0)


def sequential():
    for name, layers, shape, form in ways():
        model = keras.Sequential([keras.Input(shape), *layers], name="decoder")
        for layer in layers:
            initial(layer, True)
        x = values(2, *shape)
        yield case(f"Sequential {name}", asked(model, x, *form), layers, x)


def functional():
    """The same chains by calls; the layers that can are called twice, and share their weights."""
    for name, layers, shape, form in ways():
        called, y = [], keras.Input(shape)
        start = y
        for layer in layers:
            again = [layer] if getattr(layer, "filters", None) == y.shape[-1] else []
            for call in [layer, *again]:
                y = call(y)
                called.append(call)
        for layer in layers:
            initial(layer, True)
        x = values(2, *shape)
        yield case(f"Functional {name}", asked(keras.Model(start, y), x, *form), called, x)


# --- Files ----------------------------------------------------------------------------------------


def write(name, cases):
    made_with = {"keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__}
    cases = list(cases)
    with (FOLDER / f"{name}.json").open("w", encoding="utf-8") as file:
        file.write('{"made_with": ' + json.dumps(made_with) + ',\n"cases": [\n')
        file.write(",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]}\n")
    print(f"{name}: {len(cases)} cases, {sum('keras_refuses' in c for c in cases)} refused by TensorFlow")


def main():
    keras.utils.set_random_seed(1)
    for rank, count in [(1, 130), (2, 140), (3, 70)]:
        write(f"up_sampling{rank}d", up_sampling(rank))
        write(f"conv{rank}d_transpose", conv_transpose(rank, count))
    write("seeded", seeded())
    write("activation", activations())
    write("chain", chains())
    write("sequential", sequential())
    write("functional", functional())
    write("large", large())


if __name__ == "__main__":
    main()
