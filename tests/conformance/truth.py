"""What Keras on TensorFlow says of a layer: whether it takes it, and what it gives."""

import os
import warnings

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np
import tensorflow as tf

warnings.simplefilter("ignore")  # advice on a softmax of one value, and the like


class PixelShuffle(keras.layers.Layer):
    """Beyond Keras: TensorFlow's depth_to_space as a layer."""

    def __init__(self, block_size, data_format="channels_last", **kwargs):
        super().__init__(**kwargs)
        self.block_size, self.data_format = int(block_size), data_format or "channels_last"
        if self.block_size < 1 or self.data_format not in ("channels_last", "channels_first"):
            raise ValueError(f"block_size {block_size}, data_format {data_format}")

    def call(self, x):
        if self.data_format == "channels_last":
            return tf.nn.depth_to_space(x, self.block_size)
        return tf.transpose(tf.nn.depth_to_space(tf.transpose(x, [0, 2, 3, 1]), self.block_size), [0, 3, 1, 2])

    def get_config(self):
        return {**super().get_config(), "block_size": self.block_size, "data_format": self.data_format}


OWN = {"PixelShuffle": PixelShuffle}


def class_named(class_name):
    return OWN.get(class_name) or getattr(keras.layers, class_name)


def make(class_name, config):
    """From a configuration as JSON has it; a layer that Keras refuses raises."""
    config = {k: tuple(v) if k == "shared_axes" and v else v for k, v in config.items()}
    cls = class_named(class_name)
    return keras.layers.Identity() if cls is keras.layers.InputLayer else cls(**config)


def run(layer, inputs):
    """One eager call. On a CPU TensorFlow's kernels know channels_last only: some refuse the other,
    and with a bias Keras may take one for the other."""
    if getattr(layer, "data_format", None) == "channels_first" and not isinstance(layer, keras.layers.Flatten):
        return turned(layer, inputs[0])
    return called(layer, inputs)


def called(layer, inputs):
    if 1 in np.atleast_1d(getattr(layer, "output_size", 0)):
        raise NotImplementedError("TensorFlow divides by zero, and ends, where a box covers the whole input")
    if isinstance(layer, keras.layers.Conv3D) and layer.strides[2] > 1 and (
            layer.compute_output_shape(inputs[0].shape)[3] == 1):
        raise NotImplementedError("oneDNN leaves products out of a single column of strided output")
    tensors = [tf.constant(x) for x in inputs]
    return np.asarray(layer(tensors if len(tensors) > 1 else tensors[0]))


def shaped(layer, shapes):
    """The shape of what the layer gives, without computing it: TensorFlow ends where a window of
    pooling does not fit, instead of refusing."""
    inputs = [keras.KerasTensor(shape) for shape in shapes]
    return layer(inputs if len(inputs) > 1 else inputs[0]).shape


def turned(layer, x):
    config = {**layer.get_config(), "data_format": "channels_last"}
    if "activation" in config:
        config["activation"] = "linear"
    twin = type(layer).from_config(config)
    x = np.moveaxis(x, 1, -1)
    twin.build(x.shape)
    twin.set_weights(layer.get_weights())
    y = called(twin, [x])
    y = np.moveaxis(y, -1, 1) if y.ndim == x.ndim else y
    return np.asarray(layer.activation(tf.constant(y))) if "activation" in config else y
