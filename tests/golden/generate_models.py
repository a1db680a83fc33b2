#!/usr/bin/env python3
"""Writes models/*.multipart and models/*.json: decoders that people train, and what they give.

    python3 tests/golden/generate_models.py

Needs keras and tensorflow. Each model is that of its publication, with fewer channels and drawn
weights. The body is what examples/post_model.py posts. The answer is compared with the model in
float64, by the formulas of tests/conformance, and its error with the error that Keras has itself:
bounds that are carried from layer to layer grow too large to say anything.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "conformance"), str(HERE.parents[1] / "examples")]

import truth
import keras
import numpy as np
from keras import layers

import formulas
import post_model
from formulas import Value

FOLDER = HERE / "models"
RANDOM = np.random.default_rng(7)


# --- The models -----------------------------------------------------------------------------------


def u_net():
    """Ronneberger, Fischer, Brox: U-Net. Same padding, as everybody builds it now."""

    def twice(x, filters):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        return x

    x = start = keras.Input((16, 16, 1))
    skips = []
    for filters in (4, 8):
        x = twice(x, filters)
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Dropout(0.5)(twice(x, 12))
    for filters in (8, 4):
        x = layers.Conv2DTranspose(filters, 2, strides=2, padding="same")(x)
        x = twice(layers.Concatenate()([skips.pop(), x]), filters)
    return keras.Model(start, layers.Conv2D(1, 1, activation="sigmoid")(x), name="u_net")


def dcgan():
    """Radford, Metz, Chintala: the generator of a DCGAN, as TensorFlow's tutorial has it."""
    model = keras.Sequential([keras.Input((12,)), layers.Dense(4 * 4 * 16, use_bias=False),
                              layers.BatchNormalization(), layers.LeakyReLU(), layers.Reshape((4, 4, 16))], name="dcgan")
    for filters, strides in ((12, 1), (8, 2)):
        model.add(layers.Conv2DTranspose(filters, 5, strides=strides, padding="same", use_bias=False))
        model.add(layers.BatchNormalization())
        model.add(layers.LeakyReLU())
    model.add(layers.Conv2DTranspose(1, 5, strides=2, padding="same", use_bias=False, activation="tanh"))
    return model


def fsrcnn():
    """Dong, Loy, Tang: Accelerating the super-resolution convolutional neural network; three times larger."""
    x = start = keras.Input((None, None, 1))
    for filters, size in ((16, 5), (6, 1), (6, 3), (6, 3), (16, 1)):
        x = layers.Conv2D(filters, size, padding="same")(x)
        x = layers.PReLU(shared_axes=[1, 2])(x)
    return keras.Model(start, layers.Conv2DTranspose(1, 9, strides=3, padding="same")(x), name="fsrcnn")


def pix2pix():
    """Isola, Zhu, Zhou, Efros: the generator of pix2pix, of nested models as TensorFlow's tutorial has it."""

    def block(layer, filters, *after):
        made = layer(filters, 4, strides=2, padding="same", use_bias=False)
        return keras.Sequential([made, *after])

    x = start = keras.Input((16, 16, 3))
    skips = []
    for filters, normal in ((6, False), (8, True), (8, True)):
        x = block(layers.Conv2D, filters, *([layers.BatchNormalization()] if normal else []), layers.LeakyReLU())(x)
        skips.append(x)
    for filters, dropout, skip in ((8, True, skips[1]), (6, False, skips[0])):
        x = block(layers.Conv2DTranspose, filters, layers.BatchNormalization(),
                  *([layers.Dropout(0.5)] if dropout else []), layers.ReLU())(x)
        x = layers.Concatenate()([x, skip])
    last = layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh")
    return keras.Model(start, last(x), name="pix2pix")


MODELS = [(u_net, (2, 16, 16, 1)), (dcgan, (3, 12)), (fsrcnn, (1, 9, 7, 1)), (pix2pix, (1, 16, 16, 3))]


# --- What they give -------------------------------------------------------------------------------


def drawn(weight):
    x = RANDOM.normal(size=weight.shape)
    if "variance" in weight.path:
        return 0.5 + np.abs(x)
    return x / np.sqrt(np.prod(weight.shape[:-1])) if len(weight.shape) > 1 else 0.2 * x


def evaluated(layer, inputs):
    """A layer, or a model of layers, in float64."""
    if not isinstance(layer, keras.Model):
        weights = [np.asarray(w, np.float64) for w in layer.get_weights()]
        return Value(formulas.evaluate(layer, weights, inputs).value)
    if isinstance(layer, keras.Sequential):
        for inner in layer.layers:
            inputs = [evaluated(inner, inputs)]
        return inputs[0]
    known = {id(t): value for t, value in zip(layer.inputs, inputs)}
    for inner in layer.layers[1:]:
        sources = inner._inbound_nodes[-1].input_tensors
        known[id(inner._inbound_nodes[-1].output_tensors[0])] = evaluated(inner, [known[id(t)] for t in sources])
    return known[id(layer.outputs[0])]


def write(build, shape):
    keras.backend.clear_session()
    model = build()
    model.set_weights([drawn(w).astype(np.float32) for w in model.weights])
    x = RANDOM.normal(size=shape).astype(np.float32)
    expected = evaluated(model, [Value(x)])
    off = np.abs(np.asarray(model(x)) - expected.value)
    made_with = {"keras": keras.__version__, "tensorflow": truth.tf.__version__, "numpy": np.__version__}
    answer = {"made_with": made_with, "type": post_model.CONTENT_TYPE, "shape": list(expected.value.shape),
              "keras_rms": float(f"{np.sqrt((off**2).mean()):.4g}"), "keras_max": float(f"{off.max():.4g}"),
              "expected": [float(f"{v:.12g}") for v in expected.value.reshape(-1)]}
    (FOLDER / f"{build.__name__}.multipart").write_bytes(post_model.body(model, x))
    (FOLDER / f"{build.__name__}.json").write_text(json.dumps(answer, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{build.__name__}: {model.count_params()} weights, values up to {np.abs(expected.value).max():.3g}, "
          f"Keras is off by up to {off.max():.2g}")


if __name__ == "__main__":
    for one in MODELS:
        write(*one)
