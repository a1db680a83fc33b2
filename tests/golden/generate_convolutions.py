#!/usr/bin/env python3
"""Writes layers/{conv1d,conv2d,conv3d,depthwise_conv,separable_conv,dense}.json.

    python3 tests/golden/generate_convolutions.py

The same kind of cases as generate_layers.py, by the same means, for the layers that sum products and
do not upsample.
"""

import keras
import numpy as np

from generate_layers import RANDOM, chain, ints, values, write
from keras_reference import FUNCTIONS


def pick(choices):
    return choices[int(RANDOM.integers(len(choices)))]


def window(rank):
    """Keras takes strides and dilation together in depthwise layers only."""
    config = {"kernel_size": ints(1, [7, 5, 3][rank - 1], rank)}
    if RANDOM.random() < 0.5:
        config["strides"] = ints(1, 4 if rank < 3 else 3, rank)
    if RANDOM.random() < 0.4:
        config["dilation_rate"] = ints(1, 3, rank)
    if RANDOM.random() < 0.6:
        config["padding"] = pick(["same", "SAME", "same", "valid"])
    return config


def common(config):
    if RANDOM.random() < 0.3:
        config["data_format"] = "channels_first"
    if RANDOM.random() < 0.3:
        config["use_bias"] = False
    if RANDOM.random() < 0.4:
        config["activation"] = pick([*FUNCTIONS])
    return config


def conv_config(rank, channels):
    config = {"filters": pick([1, 1, 2, 3, 4, 5, 6, 9, 17, 18]), **common(window(rank))}
    if rank == 1 and RANDOM.random() < 0.25:
        config["padding"] = pick(["causal", "causal", "Causal"])
    if RANDOM.random() < 0.4:
        groups = [g for g in range(1, channels + 1) if channels % g == 0 and config["filters"] % g == 0]
        config["groups"] = groups[-1] if RANDOM.random() < 0.6 else pick(groups)
    return config


def depthwise_config(rank, channels):
    config = common(window(rank))
    if RANDOM.random() < 0.6:
        config["depth_multiplier"] = pick([1, 2, 2, 3, 5, 9])
    return config


def separable_config(rank, channels):
    return {"filters": pick([1, 2, 3, 5, 9, 17]), **depthwise_config(rank, channels)}


def layers(class_name, rank, config_of, count):
    """Cases of `count` random configurations that Keras takes, and that give few numbers."""
    made = 0
    while made < count:
        channels = pick([1, 2, 3, 4, 6, 8, 9, 17])
        config = config_of(rank, channels)
        spatial = [int(n) for n in RANDOM.integers(1, [24, 9, 6][rank - 1], rank)]
        batch = pick([1, 1, 2, 3])
        first = config.get("data_format") == "channels_first"
        shape = (batch, channels, *spatial) if first else (batch, *spatial, channels)
        name = f"{class_name}{rank}D"
        try:
            layer = getattr(keras.layers, name)(**config)
            layer.build(shape)
        except ValueError:
            continue
        numbers = np.prod(layer.compute_output_shape(shape)) + np.prod(shape)
        if numbers > 140 or sum(w.size for w in layer.get_weights()) > 180:
            continue
        added = 0 if batch > 1 else int(RANDOM.integers(0, 3 if channels == 1 else 2))
        yield chain(f"{name} {config} on {list(shape)}", [(name, config)], values(*shape),
                    pick(["keras", "config", "config", "beside"]), flat=bool(RANDOM.integers(2)),
                    added=added, member="layer")
        made += 1


def drawn(seed, *kernels, deviation):
    """Initializers in place of weights that a file would have no room for."""
    kinds = {f"{kernel}_initializer": {"class_name": "RandomNormal", "config": {"seed": seed + i, "stddev": deviation}}
             for i, kernel in enumerate(kernels)}
    return {**kinds, "bias_initializer": {"class_name": "RandomNormal", "config": {"seed": seed - 1}}}


# Sums longer than any block, channels past any panel, more taps and outputs than any table.
LONG = [
    ("Conv1D", (2, 9, 300), {"filters": 5, "kernel_size": 3, "padding": "same"}, ["kernel"]),
    ("Conv1D", (1, 700, 1), {"filters": 2, "kernel_size": 650, "strides": 7}, ["kernel"]),
    ("Conv1D", (1, 5, 2), {"filters": 3, "kernel_size": 2, "dilation_rate": 40, "padding": "causal"}, ["kernel"]),
    ("Conv1D", (1, 60, 3), {"filters": 2, "kernel_size": 65, "padding": "same", "activation": "tanh"}, ["kernel"]),
    ("Conv2D", (1, 3, 4, 257), {"filters": 33, "kernel_size": 1}, ["kernel"]),
    ("Conv2D", (1, 12, 11, 4), {"filters": 8, "kernel_size": 9, "groups": 4}, ["kernel"]),
    ("Conv2D", (1, 260, 4, 3), {"filters": 40, "kernel_size": 2, "data_format": "channels_first"}, ["kernel"]),
    ("Conv2D", (1, 2, 210, 2), {"filters": 1, "kernel_size": [2, 3], "strides": [1, 2]}, ["kernel"]),
    ("Conv3D", (1, 3, 3, 4, 70), {"filters": 3, "kernel_size": [2, 3, 2], "activation": "softmax"}, ["kernel"]),
    ("Dense", (3, 1000), {"units": 40}, ["kernel"]),
    ("Dense", (1, 513), {"units": 100, "activation": "sigmoid"}, ["kernel"]),
    ("Dense", (2, 50, 3), {"units": 2}, ["kernel"]),
    ("DepthwiseConv1D", (1, 600, 1), {"kernel_size": 550, "strides": 5}, ["depthwise"]),
    ("DepthwiseConv1D", (1, 600, 1), {"kernel_size": 530, "strides": 9, "depth_multiplier": 3}, ["depthwise"]),
    ("DepthwiseConv1D", (1, 4, 2), {"kernel_size": 3, "depth_multiplier": 70}, ["depthwise"]),
    ("DepthwiseConv2D", (1, 3, 150, 1), {"kernel_size": 3, "padding": "same"}, ["depthwise"]),
    ("DepthwiseConv2D", (1, 4, 3, 100), {"kernel_size": [2, 3], "padding": "same"}, ["depthwise"]),
    ("DepthwiseConv2D", (1, 28, 28, 1), {"kernel_size": 24, "strides": 2, "depth_multiplier": 2}, ["depthwise"]),
    ("SeparableConv1D", (1, 6, 130), {"filters": 3, "kernel_size": 3, "depth_multiplier": 2}, ["depthwise", "pointwise"]),
    ("SeparableConv1D", (1, 5, 2), {"filters": 7, "kernel_size": 2, "depth_multiplier": 300}, ["depthwise", "pointwise"]),
    ("SeparableConv1D", (1, 560, 2), {"filters": 2, "kernel_size": 520, "strides": 3}, ["depthwise", "pointwise"]),
    ("SeparableConv2D", (1, 2, 90, 2), {"filters": 2, "kernel_size": [1, 3], "padding": "same"}, ["depthwise", "pointwise"]),
    ("SeparableConv2D", (1, 3, 4, 300), {"filters": 35, "kernel_size": 2, "activation": "relu"}, ["depthwise", "pointwise"]),
]


def long(prefix):
    for i, (name, shape, config, kernels) in enumerate(LONG):
        if name.startswith(prefix):
            config = {**config, **drawn(1000 + 10 * i, *kernels, deviation=0.2)}
            yield chain(f"{name} {config} on {list(shape)}", [(name, config)], values(*shape), flat=True,
                        weights=False, member="layer")


def dense():
    for i in range(60):
        rank = pick([2, 2, 2, 3, 4, 5])
        shape = tuple(int(n) for n in RANDOM.integers(1, [12, 9, 5, 4][rank - 2], rank - 1)) + (pick([1, 2, 3, 8, 9, 17]),)
        config = {"units": pick([1, 1, 2, 3, 7, 8, 9, 17])}
        if np.prod(shape) // shape[-1] * (config["units"] + shape[-1]) > 200:
            continue
        if RANDOM.random() < 0.3:
            config["use_bias"] = False
        if RANDOM.random() < 0.5:
            config["activation"] = pick([*FUNCTIONS])
        yield chain(f"Dense {config} on {list(shape)}", [("Dense", config)], values(*shape),
                    pick(["keras", "config", "beside"]), flat=bool(i % 2), member="layer")
    yield from long("Dense")


def aliases():
    """Other names, which Keras knows the classes by."""
    for name, config, shape in [
            ("Convolution1D", {"filters": 2, "kernel_size": 2}, (1, 4, 2)),
            ("Convolution2D", {"filters": 2, "kernel_size": 2}, (1, 3, 3, 1)),
            ("Convolution3D", {"filters": 2, "kernel_size": 2}, (1, 2, 3, 2, 1)),
            ("SeparableConvolution1D", {"filters": 2, "kernel_size": 2}, (1, 4, 2)),
            ("SeparableConvolution2D", {"filters": 2, "kernel_size": 2}, (1, 3, 3, 2))]:
        yield chain(f"{name} {config}", [(name, config)], values(*shape), member="layer")


CHAINS = [
    ((2, 4, 3, 2), [("Conv2D", {"filters": 4, "kernel_size": 3, "padding": "same", "activation": "relu"}),
                    ("UpSampling2D", {"size": 2}),
                    ("DepthwiseConv2D", {"kernel_size": 3, "padding": "same"}),
                    ("Conv2D", {"filters": 1, "kernel_size": 1, "activation": "sigmoid"})]),
    ((1, 3, 4, 3), [("SeparableConv2D", {"filters": 4, "kernel_size": 2, "data_format": "channels_first"}),
                    ("Conv2DTranspose", {"filters": 2, "kernel_size": 2, "strides": 2, "data_format": "channels_first"}),
                    ("Dense", {"units": 3, "activation": "softmax"})]),
    ((1, 6, 2), [("Conv1D", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "causal"}),
                 ("SeparableConv1D", {"filters": 2, "kernel_size": 2, "activation": "elu"}),
                 ("UpSampling1D", {"size": 2}), ("Dense", {"units": 4, "activation": "tanh"})]),
    ((3, 5), [("Dense", {"units": 9, "activation": "relu"}), ("Dense", {"units": 4, "activation": "log_softmax"})]),
    ((1, 2, 4, 4), [("Conv2D", {"filters": 3, "kernel_size": 2, "data_format": "channels_first", "activation": "softmax"}),
                    ("DepthwiseConv2D", {"kernel_size": 2, "data_format": "channels_first", "activation": "log_softmax"})]),
]


def chains():
    for shape, specs in CHAINS:
        yield chain(" | ".join(f"{name} {config}" for name, config in specs), specs, values(*shape))


def main():
    for rank, count in [(1, 76), (2, 86), (3, 50)]:
        write(f"conv{rank}d", [*layers("Conv", rank, conv_config, count), *long(f"Conv{rank}D")])
    for name, prefix, config_of in [("depthwise_conv", "DepthwiseConv", depthwise_config),
                                    ("separable_conv", "SeparableConv", separable_config)]:
        write(name, [*layers(prefix, 1, config_of, 45), *layers(prefix, 2, config_of, 65), *long(prefix)])
    write("dense", [*dense(), *aliases(), *chains()])


if __name__ == "__main__":
    main()
