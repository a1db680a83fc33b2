"""Configurations that Keras refuses: a good case, one thing of it spoilt, and who is to blame."""

import math

import numpy as np

import cases

CONV = ("Conv1D", "Conv2D", "Conv3D")
TRANSPOSED = ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
SLIDING = ("MaxPooling", "AveragePooling")


def rank_of(row):
    return row["spatial"]


def one(random, choices):
    return choices[int(random.integers(len(choices)))]


def wrong_number(random, case, row):
    """A size below its least, of the wrong count or of the wrong kind."""
    names = [p["name"] for p in row["parameters"]
             if p["type"] == "ints" or p["name"] in ("filters", "units", "depth_multiplier", "n", "block_size")]
    names = [n for n in names if not (n == "strides" and row["class_name"].startswith(SLIDING))
             and not (n in ("padding", "cropping"))]
    if not names:
        return None
    name = one(random, names)
    bad = [-1, "wide"]
    if name not in ("n", "depth_multiplier", "output_padding", "block_size"):
        bad.append(0)
    if row["spatial"] > 1 and name not in ("filters", "units", "n", "depth_multiplier", "block_size"):
        bad += [[1] * (row["spatial"] + 1), [1] * (row["spatial"] - 1), [1] * (row["spatial"] - 1) + [-2]]
    case.layers[0]["config"][name] = one(random, bad)
    return {name}


def wrong_choice(random, case, row):
    names = [p["name"] for p in row["parameters"] if p["type"] in ("choice", "activation", "initializer")]
    if not names:
        return None
    name = one(random, names)
    case.layers[0]["config"][name] = "nonesuch"
    return {name}


def unknown_parameter(random, case, row):
    case.layers[0]["config"]["sice"] = 2
    return {"sice"}


def output_padding(random, case, row):
    if row["class_name"] not in TRANSPOSED:
        return None
    strides = np.broadcast_to(case.layers[0]["config"].get("strides", 1), rank_of(row))
    at = int(random.integers(rank_of(row)))
    each = [0] * rank_of(row)
    each[at] = int(strides[at]) + one(random, [0, 0, 1, 7])
    case.layers[0]["config"]["output_padding"] = each
    return {"output_padding"}


def strides_and_dilation(random, case, row):
    if row["class_name"] not in CONV + TRANSPOSED:
        return None
    rank = rank_of(row)
    for name in ("strides", "dilation_rate"):
        each = [1] * rank
        each[int(random.integers(rank))] = 2
        case.layers[0]["config"][name] = each
    case.layers[0]["config"].pop("output_padding", None)
    return {"strides", "dilation_rate"}


def groups(random, case, row):
    if row["class_name"] not in CONV:
        return None
    channels = case.inputs[0].shape[1 if case.first() else -1]
    filters = case.layers[0]["config"]["filters"]
    bad = [g for g in range(2, 40) if filters % g or channels % g]
    case.layers[0]["config"]["groups"] = one(random, bad)
    return {"groups", "filters", ""}


def too_large(random, case, row):
    """A window that does not fit its input."""
    name = "kernel_size" if row["class_name"].startswith(("Conv", "Depthwise", "Separable")) else "pool_size"
    if row["class_name"] in TRANSPOSED or not row["class_name"].startswith(CONV + SLIDING + ("Depthwise", "Separable")):
        return None
    config = case.layers[0]["config"]
    config.pop("padding", None)
    config.pop("dilation_rate", None)
    config[name] = [n + 1 for n in case.inputs[0].shape[2 if case.first() else 1:][:rank_of(row)]]
    return {name, ""}


def crop_all(random, case, row):
    if not row["class_name"].startswith("Cropping"):
        return None
    case.layers[0]["config"]["cropping"] = one(random, [4, 9, -1])
    return {"cropping", ""}


def negative_padding(random, case, row):
    if not row["class_name"].startswith("ZeroPadding"):
        return None
    case.layers[0]["config"]["padding"] = one(random, [-1, [[1, 2, 3]] * max(2, rank_of(row)), "wide"])
    return {"padding"}


def target_shape(random, case, row):
    if row["class_name"] != "Reshape":
        return None
    size = math.prod(case.inputs[0].shape[1:])
    case.layers[0]["config"]["target_shape"] = one(random, [[size + 1], [-1, size + 1], [-1, -1]])
    return {"target_shape"}


def dims(random, case, row):
    if row["class_name"] != "Permute":
        return None
    rank = case.inputs[0].ndim
    case.layers[0]["config"]["dims"] = one(random, [[0, *range(1, rank - 1)], [1] * max(2, rank - 1),
                                                    list(range(1, rank + 1)), list(range(2, rank + 1))])
    return {"dims"}


def axis(random, case, row):
    if not row["class_name"].startswith(("BatchNorm", "GroupNorm", "LayerNorm", "Concatenate")):
        return None
    rank = case.inputs[0].ndim
    case.layers[0]["config"]["axis"] = one(random, [rank, rank + 3, -rank - 1])
    return {"axis", ""}


def normalization_groups(random, case, row):
    if row["class_name"] != "GroupNormalization":
        return None
    config = case.layers[0]["config"]
    config["groups"] = case.inputs[0].shape[config.get("axis", -1)] + 1
    return {"groups", ""}


def rate(random, case, row):
    for p in row["parameters"]:
        if p["name"] == "rate" and row["class_name"] in ("Dropout", "GaussianDropout", "AlphaDropout"):
            case.layers[0]["config"]["rate"] = one(random, [-0.5, 1.5, "half"])
            return {"rate"}
    return None


def slopes(random, case, row):
    if row["class_name"] != "ReLU":
        return None
    name = one(random, ["max_value", "negative_slope", "threshold"])
    case.layers[0]["config"][name] = -0.5
    return {name}


def missing(random, case, row):
    names = [p["name"] for p in row["parameters"] if p.get("required")]
    names = [n for n in names if n in case.layers[0]["config"]]
    if not names:
        return None
    name = one(random, names)
    del case.layers[0]["config"][name]
    return {name, ""}


def rank(random, case, row):
    if rank_of(row) == 0 or row["class_name"].startswith("Adaptive"):
        return None
    case.inputs = [case.inputs[0][..., None]]
    return {"", "input"}


def merged_shapes(random, case, row):
    if row["class_name"] not in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"):
        return None
    batch = case.inputs[0].shape[0]
    case.inputs = [np.ones((batch, 2, 3), np.float32), np.ones((batch, 5, 4), np.float32)]
    return {"", "axis", "1", "0"}


def one_input(random, case, row):
    if row["class_name"] not in ("Subtract", "Dot"):
        return None
    case.inputs = [case.inputs[0]] * 3
    return {"", "merged", "1", "2"}


def dot_axes(random, case, row):
    if row["class_name"] != "Dot":
        return None
    case.inputs = [np.ones((2, 3, 4), np.float32), np.ones((2, 5, 4), np.float32)]
    case.layers[0]["config"] = {"axes": one(random, [1, [1, 1], [2, 1]])}
    return {"axes", ""}


SPOILERS = [wrong_number, wrong_number, wrong_choice, unknown_parameter, output_padding, strides_and_dilation, groups,
            too_large, crop_all, negative_padding, target_shape, dims, axis, normalization_groups, rate, slopes,
            missing, rank, merged_shapes, one_input, dot_axes]


def draw(random, row):
    """A case that Keras refuses, and the parameters one of which the service must name; or None."""
    case = None if row["class_name"] == "InputLayer" else cases.single(random, row)
    if case is None:
        return None
    for entry in case.layers:
        entry.pop("weights", None)
    for i in random.permutation(len(SPOILERS)):
        spoilt = case.copy()
        spoilt.form = {**cases.PLAIN, "layer": "short" if random.random() < 0.3 else "config"}
        parameters = SPOILERS[int(i)](random, spoilt, row)
        if parameters is not None:
            return spoilt, parameters
    return None
