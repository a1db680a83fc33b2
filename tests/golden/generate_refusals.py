#!/usr/bin/env python3
"""Writes refusals/layers.json: requests that Keras refuses, with its own words.

    python3 tests/golden/generate_refusals.py

Needs keras and tensorflow. A row here is a request, the place the service must name, and a piece of
the sentence it must say; a row that Keras does not refuse stops the generator.
"""

import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np
import tensorflow as tf

IMAGE = [[0, 1, 2], [3, 4, 5]]
VOLUME = [[[0, 1], [2, 3]]]


def layer(class_name, value, **config):
    return {"input": value, "layer": {"class_name": class_name, "config": config}}


def conv(**config):
    return layer("Conv2DTranspose", IMAGE, **{"filters": 2, "kernel_size": 3, **config})


def without(key):
    request = conv()
    del request["layer"]["config"][key]
    return request


def beside(**config):
    return {"input": IMAGE, "layer": {"class_name": "Conv2DTranspose", "filters": 2, "kernel_size": 3, **config}}


def weights(*given, **config):
    request = conv(**{"kernel_size": 1, **config})
    request["layer"]["weights"] = list(given)
    return request


def drawn(class_name, **config):
    return conv(kernel_initializer={"class_name": class_name, "config": config})


def chain(*layers, value=None):
    return {"input": IMAGE if value is None else value,
            "layers": [{"class_name": name, "config": config} for name, config in layers]}


def model(given, shape=(2, 3, 1)):
    made = keras.Sequential([keras.Input(shape), keras.layers.Conv2DTranspose(2, 1, name="up")])
    return {"input": IMAGE, "model": json.loads(made.to_json()), "weights": given}


KERNEL, BIAS = [[[[1.5], [2.5]]]], [0.5, 0.25]
CONFIG = "/layer/config/"


def rows():
    # Parameters that cannot be.
    for key, value, text in [
            ("filters", 0, "not 0"), ("filters", -1, "not -1"), ("filters", None, "null"),
            ("filters", "two", '"two"'), ("filters", 2.5, "2.5"), ("filters", [2], "a list"),
            ("kernel_size", 0, "not 0"), ("kernel_size", -3, "not -3"), ("kernel_size", [3], "2 integers, not 1"),
            ("kernel_size", [3, 3, 3], "2 integers, not 3"), ("kernel_size", [3, 0], "not 0"),
            ("kernel_size", None, "null"), ("kernel_size", "wide", '"wide"'), ("kernel_size", [3, 2.5], "2.5"),
            ("strides", 0, "not 0"), ("strides", -2, "not -2"), ("strides", [2], "2 integers, not 1"),
            ("strides", [1, 0], "not 0"), ("strides", [2, 2, 2], "2 integers, not 3"), ("strides", None, "null"),
            ("dilation_rate", 0, "not 0"), ("dilation_rate", [1, -1], "not -1"),
            ("dilation_rate", [1, 1, 2], "2 integers, not 3"),
            ("output_padding", -1, "not -1"), ("output_padding", [0, 0, 0], "2 integers, not 3"),
            ("padding", "full", '"full"'), ("padding", "causal", '"causal"'), ("padding", None, "null"),
            ("data_format", "channels_middle", '"channels_middle"'),
            ("activation", "reluu", '"relu"'), ("activation", "no such function", "no such function"),
            ("kernel_initializer", "glorot_uniforn", "GlorotUniform"), ("kernel_initializer", "xyz", '"xyz"'),
            ("bias_initializer", "zeroes", '"zeroes"'), ("stride", 2, "strides"), ("kernelsize", 2, "kernel_size"),
            ("interpolation", "nearest", '"interpolation"'), ("groups", 2, "group")]:
        yield conv(**{key: value}), CONFIG + key, text
    yield without("filters"), CONFIG + "filters", "needs filters"
    yield without("kernel_size"), CONFIG + "kernel_size", "needs kernel_size"
    yield beside(strides=0), "/layer/strides", "not 0"
    yield beside(dilation=2), "/layer/dilation", '"dilation"'

    # Parameters that do not fit each other.
    for padding, strides, number in [(1, 1, 1), (2, 2, 2), (5, 2, 5), ([0, 3], [1, 3], 3), ([2, 0], [2, 4], 2)]:
        yield conv(output_padding=padding, strides=strides), CONFIG + "output_padding", f"output_padding {number} "
    for strides, dilation in [(2, 2), ([1, 2], [2, 1]), ([3, 1], 2)]:
        yield conv(strides=strides, dilation_rate=dilation), CONFIG + "dilation_rate", "cannot both"
    for kernel, config, place, text in [
            ("Identity", {}, "", "(3, 3, 2, 1)"), ("Constant", {"value": [1, 2, 3, 4, 5]}, "", "(3, 3, 2, 1)"),
            ("RandomNormal", {"std": 1.0}, "/config/std", '"std"'),
            ("VarianceScaling", {"scale": 0}, "/config/scale", "not 0"),
            ("VarianceScaling", {"scale": -1.0}, "/config/scale", "not -1"),
            ("VarianceScaling", {"mode": "fan"}, "/config/mode", '"fan"'),
            ("VarianceScaling", {"distribution": "cauchy"}, "/config/distribution", '"cauchy"'),
            ("Glorot", {}, "", '"Glorot"')]:
        yield drawn(kernel, **config), CONFIG + "kernel_initializer" + place, text

    # Convolutions.
    def conv2(**config):
        return layer("Conv2D", IMAGE, **{"filters": 2, "kernel_size": 1, **config})

    def conv1(**config):
        return layer("Conv1D", [1, 2, 3, 4, 5], **{"filters": 2, "kernel_size": 2, **config})

    for config, key, text in [
            ({"filters": 0}, "filters", "not 0"), ({"kernel_size": 0}, "kernel_size", "not 0"),
            ({"kernel_size": [1, 1, 1]}, "kernel_size", "2 integers, not 3"), ({"strides": 0}, "strides", "not 0"),
            ({"dilation_rate": [1, 0]}, "dilation_rate", "not 0"), ({"padding": "causal"}, "padding", '"causal"'),
            ({"padding": "full"}, "padding", '"full"'), ({"groups": 0}, "groups", "not 0"),
            ({"groups": -1}, "groups", "not -1"), ({"groups": 3}, "groups", "groups 3 does not divide filters 2"),
            ({"groups": 2}, "groups", "groups 2 does not divide the input's 1 channels"),
            ({"strides": 2, "dilation_rate": 2}, "dilation_rate", "cannot both"),
            ({"strides": [1, 2], "dilation_rate": [3, 1]}, "dilation_rate", "strides 2 and dilation_rate 3"),
            ({"output_padding": 1}, "output_padding", '"output_padding"'),
            ({"depth_multiplier": 2}, "depth_multiplier", '"depth_multiplier"'),
            ({"kernel_size": 3}, "kernel_size", "spans 3 values, the input has 2 along spatial axis 0"),
            ({"kernel_size": [1, 4]}, "kernel_size", "spans 4 values, the input has 3 along spatial axis 1"),
            ({"kernel_size": 2, "dilation_rate": [2, 1]}, "kernel_size", "spans 3 values, the input has 2")]:
        yield conv2(**config), CONFIG + key, text
    for config, key, text in [
            ({"padding": "reflect"}, "padding", '"reflect"'), ({"kernel_size": 6}, "kernel_size", "6"),
            ({"kernel_size": [2, 2]}, "kernel_size", "not 2"), ({"groups": 2}, "groups", "1 channels"),
            ({"strides": 3, "dilation_rate": 2, "padding": "causal"}, "dilation_rate", "cannot both"),
            ({"kernel_size": 3, "dilation_rate": 3}, "kernel_size", "kernel_size 3 with dilation_rate 3 spans 7")]:
        yield conv1(**config), CONFIG + key, text
    yield layer("Conv3D", VOLUME, filters=1, kernel_size=[1, 3, 1]), CONFIG + "kernel_size", "along spatial axis 1"
    yield layer("Conv3D", VOLUME, filters=1, kernel_size=1, padding="causal"), CONFIG + "padding", '"causal"'
    yield layer("Conv3D", IMAGE, filters=1, kernel_size=1), "/input", "(2, 3)"
    for name in ("DepthwiseConv2D", "SeparableConv2D"):
        needed = {"kernel_size": 2, **({"filters": 2} if name.startswith("Separable") else {})}
        for config, key, text in [
                ({"depth_multiplier": 0}, "depth_multiplier", "not 0"),
                ({"depth_multiplier": -2}, "depth_multiplier", "not -2"),
                ({"kernel_size": [2, 0]}, "kernel_size", "not 0"), ({"strides": [0, 1]}, "strides", "not 0"),
                ({"padding": "causal"}, "padding", '"causal"'), ({"groups": 2}, "groups", "group"),
                ({"kernel_initializer": "ones"}, "kernel_initializer", '"kernel_initializer"'),
                ({"kernel_size": [3, 1]}, "kernel_size", "spans 3 values, the input has 2 along spatial axis 0"),
                ({"strides": 2, "dilation_rate": 2}, "kernel_size", "spans 3 values, the input has 2")]:
            yield layer(name, IMAGE, **{**needed, **config}), CONFIG + key, text
    yield layer("DepthwiseConv1D", [1, 2, 3], kernel_size=4), CONFIG + "kernel_size", "the input has 3"
    yield layer("DepthwiseConv2D", IMAGE, kernel_size=1, filters=2), CONFIG + "filters", '"filters"'
    yield layer("SeparableConv1D", [1, 2, 3], kernel_size=1), CONFIG + "filters", "needs filters"
    yield layer("SeparableConv1D", [1, 2, 3], kernel_size=1, filters=0), CONFIG + "filters", "not 0"
    yield layer("Dense", IMAGE), CONFIG + "units", "needs units"
    yield layer("Dense", IMAGE, units=0), CONFIG + "units", "not 0"
    yield layer("Dense", IMAGE, units=2.5), CONFIG + "units", "2.5"
    yield layer("Dense", IMAGE, units=[2]), CONFIG + "units", "a list"
    yield layer("Dense", [1, 2, 3], units=2), CONFIG + "units", "2 axes, the input has 1"
    yield layer("Dense", IMAGE, units=2, filters=2), CONFIG + "filters", '"filters"'

    # Layers.
    yield layer("Conv2DTransposed", IMAGE, filters=1, kernel_size=1), "/layer", '"Conv2DTranspose"'
    yield layer("Upsample", IMAGE), "/layer", '"Upsample"'
    for n in (1, 2, 3):
        name = f"UpSampling{n}D"
        yield layer(name, VOLUME if n == 3 else IMAGE, size=0), CONFIG + "size", "not 0"
        yield layer(name, VOLUME if n == 3 else IMAGE, size=2.5), CONFIG + "size", "2.5"
        yield layer(name, VOLUME if n == 3 else IMAGE, size="2x"), CONFIG + "size", '"2x"'
        yield layer(name, VOLUME if n == 3 else IMAGE, factor=2), CONFIG + "factor", '"factor"'
    yield layer("UpSampling1D", IMAGE, data_format="channels_last"), CONFIG + "data_format", '"data_format"'
    yield layer("UpSampling2D", IMAGE, size=[2, 2, 2]), CONFIG + "size", "2 integers, not 3"
    yield layer("UpSampling2D", IMAGE, interpolation="cubic"), CONFIG + "interpolation", '"cubic"'
    yield layer("UpSampling3D", VOLUME, interpolation="nearest"), CONFIG + "interpolation", '"interpolation"'
    yield layer("Activation", IMAGE), CONFIG + "activation", "needs activation"
    yield layer("Activation", IMAGE, activation="softmaxx"), CONFIG + "activation", '"softmax"'
    yield chain(("UpSampling2D", {}), ("UpSampling4D", {})), "/layers/1", '"UpSampling4D"'

    # Shapes.
    five = [[[[[1]]]]]
    yield layer("Conv2DTranspose", five, filters=1, kernel_size=1), "/input", "(1, 1, 1, 1, 1)"
    yield layer("Conv1DTranspose", five[0], filters=1, kernel_size=1), "/input", "(1, 1, 1, 1)"
    yield layer("Conv3DTranspose", [five], filters=1, kernel_size=1), "/input", "(1, 1, 1, 1, 1, 1)"
    yield layer("UpSampling2D", five), "/input", "(1, 1, 1, 1, 1)"
    yield layer("UpSampling1D", five[0]), "/input", "(1, 1, 1, 1)"
    yield chain(("UpSampling2D", {}), ("UpSampling3D", {})), "/layers/1", "5"
    yield chain(("UpSampling2D", {}), ("Conv1DTranspose", {"filters": 1, "kernel_size": 1})), "/layers/1", "3"

    # Weights.
    yield weights(), "/layer/weights", "2 weights (kernel, bias), not 0"
    yield weights(KERNEL), "/layer/weights", "2 weights (kernel, bias), not 1"
    yield weights(KERNEL, BIAS, BIAS), "/layer/weights", "2 weights (kernel, bias), not 3"
    yield weights(KERNEL, BIAS, use_bias=False), "/layer/weights", "1 weights (kernel), not 2"
    yield weights([[[[1.5, 2.5]]]], BIAS), "/layer/weights/0", "(1, 1, 2, 1)"
    yield weights([1.5, 2.5], BIAS), "/layer/weights/0", "(1, 1, 2, 1)"
    yield weights(KERNEL, [0.5]), "/layer/weights/1", "(2,)"
    yield weights(BIAS, KERNEL), "/layer/weights/0", "(1, 1, 2, 1)"
    yield weights(KERNEL, BIAS, data_format="channels_first", kernel_size=2), "/layer/weights/0", "(2, 2, 2, 1)"
    yield model([KERNEL]), "/weights", "2 weights, not 1"
    yield model([KERNEL, BIAS, BIAS]), "/weights", "2 weights, not 3"
    yield model([KERNEL, [1, 2, 3]]), "/model/config/layers/1/weights/1", "(2,)"
    yield model([[[[[1, 2, 3, 4]] * 2]], BIAS], (2, 3, 4)), "/model/config/layers/0/config/batch_shape", "(1, 2, 3, 1)"


# --- Keras ----------------------------------------------------------------------------------------


def fitted(value, layers):
    x = np.array(value, np.float32)
    for one in layers:
        digits = [c for c in type(one).__name__ if c.isdigit()]
        if digits:
            first = getattr(one, "data_format", "channels_last") == "channels_first"
            if x.ndim == int(digits[0]):
                x = x[None] if first else x[..., None]
            return x[None] if x.ndim == int(digits[0]) + 1 else x
    return x


def made(entry):
    beside_name = {k: v for k, v in entry.items() if k not in ("class_name", "config", "weights")}
    config = entry.get("config", beside_name)
    return keras.saving.deserialize_keras_object(
        {"module": "keras.layers", "class_name": entry["class_name"], "config": config, "registered_name": None})


def run(request):
    if "model" in request:
        whole = keras.models.model_from_json(json.dumps(request["model"]))
        whole.set_weights([np.array(w, np.float32) for w in request["weights"]])
        return whole(fitted(request["input"], whole.layers))
    entries = request.get("layers") or [request["layer"]]
    layers = [made(entry) for entry in entries]
    x = fitted(request["input"], layers)
    for one, entry in zip(layers, entries):
        if "weights" in entry:
            one.build(x.shape)
            one.set_weights([np.array(w, np.float32) for w in entry["weights"]])
        x = one(x)
    return x


def refusal(request):
    try:
        y = run(request)
    except Exception as error:  # of many classes, from Keras' own to those of Python
        words = " ".join(str(error).split()).replace("\x1b[1m", "").replace("\x1b[0m", "")
        for wrapping in ["Exception encountered: ", ".call(). "]:
            words = words.rpartition(wrapping)[2]
        words = words.partition("{'")[0]  # a set, in another order every time
        return f"{type(error).__name__}: {words[:160].rstrip()}"
    raise SystemExit(f"Keras takes {json.dumps(request)} and answers {y.shape}")


def main():
    made_with = {"keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__}
    path = pathlib.Path(__file__).parent / "refusals" / "layers.json"
    cases = [{"request": request, "pointer": pointer, "text": text, "keras": refusal(request)}
             for request, pointer, text in rows()]
    with path.open("w", encoding="utf-8") as file:
        file.write('{"made_with": ' + json.dumps(made_with) + ',\n"cases": [\n')
        file.write(",\n".join(map(json.dumps, cases)) + "\n]}\n")
    print(f"{len(cases)} requests that Keras refuses")


if __name__ == "__main__":
    main()
