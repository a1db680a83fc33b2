"""Layers whose initializers draw from a given seed."""

import numpy as np

import cases
import draw

SEEDS = [0, 1, 2, 42, 1337, 123456789, 1000000000, 2147483645]
LENGTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 31, 64, 257, 1021]


def real(random, low, high):
    return round(float(random.uniform(low, high)), 4)


def options(random, name):
    """The parameters of an initializer, beside its seed."""
    if name in ("Zeros", "Ones", "Identity"):
        return {}
    if name == "Constant":
        return {"value": real(random, -2, 2)}
    if name == "RandomUniform":
        low = real(random, -2, 1)
        return {"minval": low, "maxval": low + real(random, 0.01, 3)} if random.random() < 0.7 else {}
    if name in ("RandomNormal", "TruncatedNormal"):
        return {"mean": real(random, -1, 1), "stddev": real(random, 0.01, 2)} if random.random() < 0.7 else {}
    if name == "VarianceScaling":
        return {"scale": real(random, 0.1, 3), "mode": str(random.choice(["fan_in", "fan_out", "fan_avg"])),
                "distribution": str(random.choice(["normal", "truncated_normal", "untruncated_normal", "uniform"]))}
    if name == "Orthogonal":
        return {"gain": real(random, 0.1, 2)}
    return {}


ELSEWHERE = {"Bilinear", "ICNR"}  # beyond Keras
MATRIX = {"Identity", "Orthogonal"}  # drawn where a kernel is one


def case(random, row):
    names = [p for p in row["parameters"] if p["type"] == "initializer"]
    config, shape = draw.layer(random, row)
    if row["class_name"] == "Dense" and random.random() < 0.7:
        config["units"], shape = int(random.choice(LENGTHS)), [1, int(random.choice([1, 2, 3, 5, 16]))]
    parameter = names[int(random.integers(len(names)))]
    known = [c for c in parameter["choices"] if c not in ELSEWHERE | MATRIX]
    if row["class_name"] == "Dense" and parameter["name"] == "kernel_initializer":
        known = [c for c in parameter["choices"] if c not in ELSEWHERE]
    for p in names:  # the others would draw a seed that nobody knows
        config[p["name"]] = "zeros" if "variance" not in p["name"] else "ones"
    name = str(random.choice(known))
    inner = options(random, name)
    if name not in ("Zeros", "Ones", "Constant", "Identity"):
        inner["seed"] = int(random.choice(SEEDS)) if random.random() < 0.5 else int(random.integers(1, 2**31 - 2))
    config[parameter["name"]] = {"class_name": name, "config": inner}
    return cases.Case([{"class_name": row["class_name"], "config": config}], [np.ones(shape, np.float32)])
