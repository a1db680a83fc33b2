"""What a layer gives, in float64, with a bound on what a float32 implementation may be off by.

Extends tests/golden/keras_reference.py to every layer. Parameters are read from the Keras layer
object, so that Keras itself says what a configuration means; the sums share no code with Keras nor
with the service. What only moves or selects values is done by Keras, in float64.
"""

import truth
import keras
import numpy as np

import functions
import normalizing
import sums
from values import Value, class_of

# Of these a bit is as good as a mile: they move values, choose among them, or compute one rounded
# operation after another in an order that Keras defines.
MOVES = {"InputLayer", "Identity", "Reshape", "Flatten", "Permute", "RepeatVector", "PixelShuffle",
         "UpSampling1D", "UpSampling2D", "UpSampling3D", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
         "Cropping1D", "Cropping2D", "Cropping3D", "Dropout", "SpatialDropout1D", "SpatialDropout2D",
         "SpatialDropout3D", "GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization"}
CHOOSES = {f"{kind}{n}D" for kind in ("MaxPooling", "GlobalMaxPooling", "AdaptiveMaxPooling") for n in (1, 2, 3)}
# By NumPy, in Keras' order: keras.ops.add of Keras 3.15 takes a tensor whose one long axis is not its
# last for a bias along another axis (shapes (1, 7, 7, 8) and (1, 1, 7, 1)).
MERGES = {"Add": np.add, "Average": np.add, "Subtract": np.subtract, "Multiply": np.multiply,
          "Maximum": np.maximum, "Minimum": np.minimum}
EXACT = MOVES | CHOOSES | {*MERGES, "Concatenate"}


def exact(layer):
    return class_of(layer) in EXACT and getattr(layer, "interpolation", "nearest") == "nearest"


def evaluate(layer, weights, inputs):
    """One layer; `weights` as float64 arrays, `inputs` a list of Values."""
    kind = class_of(layer)
    if kind in MERGES:
        return Value(merged(kind, [x.value.astype(np.float32) for x in inputs]))
    if kind in CHOOSES:
        return sums.largest(layer, *inputs)
    if exact(layer):
        return moved(layer, inputs)
    for name, formula in FORMULAS:
        if kind.startswith(name):
            result = formula(layer, weights, *inputs)
            return activated(getattr(layer, "activation", None), result)
    raise NotImplementedError(f"no formula for {kind}")


def moved(layer, inputs):
    twin = type(layer).from_config({**layer.get_config(), "dtype": "float64"})
    value = truth.run(twin, [x.value for x in inputs])
    return Value(value, truth.run(twin, [x.bound for x in inputs]) if any(x.bound.any() for x in inputs) else None)


def merged(kind, xs):
    rank = max(x.ndim for x in xs)
    y = None
    for x in xs:
        x = x.reshape([x.shape[0], *[1] * (rank - x.ndim), *x.shape[1:]])
        y = x if y is None else MERGES[kind](y, x)
    return y / np.float32(len(xs)) if kind == "Average" else y


def activated(activation, x):
    """The function that ends a layer: by name, or an activation layer."""
    if activation is None:
        return x
    if isinstance(activation, keras.layers.Layer):
        return evaluate(activation, [], [x])
    return functions.named(activation.__name__, x)


# By the start of the class name; the first that fits.
FORMULAS = [
    ("Conv1DTranspose", sums.transposed), ("Conv2DTranspose", sums.transposed),
    ("Conv3DTranspose", sums.transposed), ("Conv", sums.convolution), ("DepthwiseConv", sums.depthwise),
    ("SeparableConv", sums.separable), ("Dense", sums.dense), ("AveragePooling", sums.average_pooling),
    ("GlobalAveragePooling", sums.global_average), ("AdaptiveAveragePooling", sums.adaptive),
    ("BatchNormalization", normalizing.batch_normalization),
    ("LayerNormalization", normalizing.layer_normalization),
    ("GroupNormalization", normalizing.group_normalization),
    ("RMSNormalization", normalizing.rms_normalization), ("UnitNormalization", normalizing.unit_normalization),
    ("UpSampling2D", normalizing.interpolation), ("Rescaling", functions.rescaling), ("Dot", sums.dot),
    ("ReLU", functions.relu_layer), ("LeakyReLU", functions.leaky), ("ELU", functions.elu_layer),
    ("PReLU", functions.prelu), ("Softmax", functions.softmax_layer),
    ("Activation", lambda layer, weights, x: x),
]
# Of these the error is compared with TensorFlow's.
SUMS = tuple(name for name, _ in FORMULAS[:16])
