#!/usr/bin/env python3
"""Writes initializers/values.json: what Keras on TensorFlow draws, bit for bit.

    python3 tests/golden/generate_initializers.py

Needs keras and tensorflow (their versions go into the file). A case has the initializer's
class_name and config, the weight's shape, and either the bits of all values (8 hex digits each) or,
for long weights, a 64-bit FNV-1a hash of each chunk of them (of the words, low byte first).
"""

import itertools
import json
import math
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras.src.initializers.random_initializers import compute_fans

CHUNK = 1000  # values to a hash
BITS_MAX = 300  # longer weights are hashed
LENGTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 100, 255, 256, 257]
LONG = 100003
SEEDS = [0, 1, 2, 3, 7, 42, 1337, 2**31 - 3, 2147483646, 2**31 - 1, 2**31, 10**9, 686579304,
         2**32 - 1, 2**53 + 1, 2**63 - 1, -1, -5, -2147483646, -(2**31), -(2**63)]
SMALL = [1056968, 4656347, 789638, 150587]  # their streams begin with bits that are 0 or nearly
SHAPES = [[], [1], [5], [0, 3], [1, 1], [3, 4], [7, 1], [3, 2, 4], [4, 1, 7], [3, 3, 1, 2],
          [2, 3, 4, 5], [5, 5, 3, 1], [2, 2, 2, 3, 4], [1, 1, 1, 9, 2]]
RANGES = [{}, {"minval": 0.0, "maxval": 1.0}, {"minval": -1000.0, "maxval": 0.001},
          {"minval": 3.0, "maxval": -7.0}, {"minval": 0.1, "maxval": 0.1},
          {"minval": 1.2e-38, "maxval": 3e38}]
MOMENTS = [{}, {"mean": 0.0, "stddev": 1.0}, {"mean": 5.0, "stddev": 0.001},
           {"mean": -0.1, "stddev": 33.3}, {"mean": 1e20, "stddev": 1e19},
           {"mean": 0.3, "stddev": -2.0}]
PARAMETERS = {"RandomUniform": RANGES, "RandomNormal": MOMENTS, "TruncatedNormal": MOMENTS}
FAN_CLASSES = ["GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform",
               "LecunNormal"]


def fnv1a(chunk):
    hash_ = 0xCBF29CE484222325
    for byte in chunk.astype("<f4").tobytes():
        hash_ = (hash_ ^ byte) * 0x100000001B3 % 2**64
    return f"{hash_:016x}"


class Bilinear:
    """As fully convolutional networks start: kernel[:, :, c, c] interpolates, the rest is 0."""

    def __call__(self, shape):
        kernel = np.zeros(shape)
        f = [math.ceil(k / 2) for k in shape[:-2]]
        for at in np.ndindex(*shape[:-2]):
            weights = [1 - abs(i / g - (2 * g - 1 - g % 2) / (2 * g)) for i, g in zip(at, f)]
            np.fill_diagonal(kernel[at], np.prod(weights))
        return kernel


class ICNR:
    """Keras draws the small kernel; in depth_to_space order its filters follow one another, again and again."""

    def __init__(self, block_size=2, initializer="glorot_uniform", seed=None):
        drawn = keras.initializers.get(initializer)
        self.drawn, self.block = type(drawn)(**{**drawn.get_config(), "seed": seed}), block_size**2

    def __call__(self, shape):
        small = np.asarray(self.drawn((*shape[:-1], shape[-1] // self.block)))
        return np.concatenate([small] * self.block, axis=-1)


def case(class_name, config, shape):
    made = (globals().get(class_name) or getattr(keras.initializers, class_name))(**config)
    values = np.asarray(made(tuple(shape)), dtype=np.float32).reshape(-1)
    row = {"class_name": class_name, "config": config, "shape": shape}
    if values.size <= BITS_MAX:
        row["bits"] = "".join(f"{bits:08x}" for bits in values.view(np.uint32))
    else:
        row["hashes"] = [fnv1a(values[i:i + CHUNK]) for i in range(0, values.size, CHUNK)]
    return row


def distributions():
    for class_name, parameters in PARAMETERS.items():
        for length in LENGTHS:
            yield case(class_name, {"seed": 42}, [length])
        for seed in SEEDS + SMALL:
            yield case(class_name, {"seed": seed}, [37])
        for config in parameters:
            yield case(class_name, {"seed": 1337, **config}, [5, 9])
        for seed, config in zip([0, 42, 10**9], parameters):
            yield case(class_name, {"seed": seed, **config}, [LONG])
        yield case(class_name, {"seed": 1}, [1009, 5, 2, 17, 1])


def scaled():
    for class_name, shape in itertools.product(FAN_CLASSES, SHAPES):
        yield case(class_name, {"seed": 42}, shape)
    for class_name in FAN_CLASSES:
        yield case(class_name, {"seed": 7}, [4, 4, 64, 32])
    for shape in SHAPES:
        yield case("VarianceScaling", {"seed": 42}, shape)
    modes = ["fan_in", "fan_out", "fan_avg"]
    kinds = ["truncated_normal", "untruncated_normal", "uniform", "normal"]
    for scale, mode, kind in itertools.product([1.0, 0.001, 7.3], modes, kinds):
        config = {"seed": 3, "scale": scale, "mode": mode, "distribution": kind}
        for shape in [[5], [3, 4], [3, 1, 2, 5]]:
            yield case("VarianceScaling", config, shape)


def constants():
    for class_name, shape in itertools.product(["Zeros", "Ones"], [[], [3], [2, 0], [2, 3]]):
        yield case(class_name, {}, shape)
    for value in [0.0, 0.1, -2.5, 1.2e-38, 3.4028234663852886e38]:
        yield case("Constant", {"value": value}, [2, 3])
    for value, shape in [([1.5], [3]), ([1.0, 2.0, 3.0], [2, 3]), ([[1.0], [2.0]], [2, 3]),
                         ([[[1.0], [2.0]], [[3.0], [4.0]]], [5, 2, 2, 3]), ([], [2, 0])]:
        yield case("Constant", {"value": value}, shape)
    for gain, shape in [(1.0, [3, 3]), (-2.0, [2, 3]), (0.1, [4, 2]), (0.0, [1, 1])]:
        yield case("Identity", {"gain": gain}, shape)


def upsampling():
    """Beyond Keras."""
    for shape in [[4, 4, 1, 1], [3, 3, 2, 2], [5, 5, 1, 1], [1, 1, 2, 2], [2, 6, 2, 2], [8, 7, 1, 1], [4, 1, 1],
                  [4, 2, 3], [2, 3, 4, 1, 1], [5, 4, 3, 2], [6, 6, 2, 3], [9, 9, 1, 1], [16, 16, 1, 1]]:
        yield case("Bilinear", {}, shape)
    for shape in [[3, 3, 2, 4], [1, 1, 3, 12], [5, 3, 1, 8], [4], [3, 16], [2, 2, 2, 1, 4], [2, 0, 4]]:
        yield case("ICNR", {"seed": 42}, shape)
    for name in ["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal",
                 "random_uniform", "random_normal", "truncated_normal"]:
        yield case("ICNR", {"seed": 7, "block_size": 3, "initializer": name}, [3, 3, 2, 9])
    yield case("ICNR", {"seed": 1, "block_size": 1}, [3, 2, 5])
    yield case("ICNR", {"seed": 3, "block_size": 4, "initializer": "he_normal"}, [3, 3, 8, 64])


def main():
    fans = [{"shape": shape, "fans": compute_fans(shape)} for shape in SHAPES]
    cases = [*constants(), *distributions(), *scaled(), *upsampling()]
    made_with = {"keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__}
    path = pathlib.Path(__file__).parent / "initializers" / "values.json"
    with path.open("w", encoding="utf-8") as file:
        file.write('{"made_with": ' + json.dumps(made_with) + f',\n"chunk": {CHUNK},\n"fans": [\n')
        file.write(",\n".join(map(json.dumps, fans)) + '\n],\n"cases": [\n')
        file.write(",\n".join(map(json.dumps, cases)) + "\n]}\n")


if __name__ == "__main__":
    main()
