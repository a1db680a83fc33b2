#!/usr/bin/env python3
"""Writes onnx/node.json: ONNX's own node tests, as requests to the service.

    python3 tests/golden/extract_onnx.py

Needs onnx (pip install onnx), whose version is recorded. Each test of ConvTranspose, Resize, Upsample
and DepthToSpace becomes a case with its input and output, or a row that says why no layer of Keras
computes it.
"""

import json
import pathlib
import warnings

import numpy as np
import onnx

warnings.simplefilter("ignore")
from onnx.backend.test.case.node import collect_testcases

OPERATORS = ("ConvTranspose", "DepthToSpace", "Resize", "Upsample")
PATH = pathlib.Path(__file__).parent / "onnx" / "node.json"
HALF_PIXEL = "half_pixel"


class Elsewhere(Exception):
    """No layer of Keras computes this; the argument says why."""


def numbers(x):
    return [int(v) if float(v).is_integer() else float(str(v)) for v in np.asarray(x, np.float32).reshape(-1)]


def tensor(x):
    return {"shape": list(x.shape), "data": numbers(x)}


def layer(class_name, weights=(), **config):
    made = {"class_name": class_name, "config": {**config, "data_format": "channels_first"}}
    return {**made, "weights": [tensor(w) for w in weights]} if weights else made


# --- Operators ------------------------------------------------------------------------------------


def conv_transpose(attributes, inputs, output):
    x, w = inputs[:2]
    rank = x.ndim - 2
    if attributes.get("group", 1) > 1:
        raise Elsewhere("Keras' transposed convolutions have no groups")
    kernel = np.moveaxis(w, (1, 0), (-2, -1))  # (in, out, spatial...) to (spatial..., out, in)
    strides = attributes.get("strides", [1] * rank)
    config = {"filters": w.shape[1], "kernel_size": list(w.shape[2:]), "strides": list(strides), "use_bias": False,
              "dilation_rate": list(attributes.get("dilations", [1] * rank))}
    if attributes.get("auto_pad") == "SAME_UPPER":
        config["padding"] = "same"
    elif "output_padding" in attributes or "output_shape" in attributes:
        full = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in
                zip(x.shape[2:], strides, w.shape[2:], config["dilation_rate"])]
        config["output_padding"] = [int(o - f) for o, f in zip(output.shape[2:], full)]
    layers = [layer(f"Conv{rank}DTranspose", [kernel], **config)]
    if any(attributes.get("pads", [])):
        cut = np.reshape(attributes["pads"], (2, rank)).T.tolist()
        layers.append(layer(f"Cropping{rank}D", cropping=cut))
    return layers, 0


def depth_to_space(attributes, inputs, output):
    if attributes["mode"] != "DCR":
        raise Elsewhere("mode CRD has the channels in another order than TensorFlow's depth_to_space")
    return [layer("PixelShuffle", block_size=attributes["blocksize"])], 0


def resize(attributes, inputs, output):
    x = inputs[0]
    factors = [o / n for o, n in zip(output.shape[2:], x.shape[2:])]
    where, mode = attributes.get("coordinate_transformation_mode", HALF_PIXEL), attributes["mode"]
    if where == "tf_crop_and_resize":
        raise Elsewhere("resizes a region of the input")
    if attributes.get("antialias"):
        raise Elsewhere("antialiasing: UpSampling2D never does")
    if any(f < 1 or f != int(f) for f in factors):
        raise Elsewhere(f"{x.shape[2:]} to {output.shape[2:]} is no whole number of times larger")
    if where != HALF_PIXEL:
        raise Elsewhere(f"coordinate_transformation_mode {where}: UpSampling2D knows half_pixel")
    size = [int(f) for f in factors]
    if mode == "nearest":
        if attributes.get("nearest_mode", "round_prefer_floor") != "round_prefer_floor":
            raise Elsewhere(f"nearest_mode {attributes['nearest_mode']} does not repeat each value as often")
        return [layer("UpSampling2D", size=size)], 0
    if mode == "cubic" and (attributes.get("cubic_coeff_a", -0.75), attributes.get("exclude_outside", 0)) != (-0.5, 1):
        raise Elsewhere("cubic_coeff_a -0.75, or repeated edges: bicubic of UpSampling2D has -0.5 and none")
    interpolation = {"linear": "bilinear", "cubic": "bicubic"}[mode]
    taps = {"linear": 4, "cubic": 16}[mode]
    within = 1.5 * (4 + taps**0.5) * 2.0**-24 * float(np.abs(x).max())
    return [layer("UpSampling2D", size=size, interpolation=interpolation)], within


EXPRESS = {"ConvTranspose": conv_transpose, "DepthToSpace": depth_to_space, "Resize": resize, "Upsample": resize}


# --- The file -------------------------------------------------------------------------------------


def attributes_of(node):
    found = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return {k: v.decode() if isinstance(v, bytes) else v for k, v in found.items()}


def rows():
    tests = {t.name: t for t in collect_testcases(None) if t.model.graph.node[0].op_type in OPERATORS}
    for name, test in sorted(tests.items()):
        node = test.model.graph.node[0]
        inputs, outputs = test.data_sets[0]
        try:
            layers, within = EXPRESS[node.op_type](attributes_of(node), inputs, outputs[0])
        except Elsewhere as why:
            yield None, {"name": name, "reason": str(why)}
            continue
        made = {"name": name, "request": {"input": tensor(inputs[0]), "layers": layers},
                "shape": list(outputs[0].shape), "output": numbers(outputs[0])}
        yield {**made, "within": float(f"{within:.3g}")} if within else made, None


def main():
    cases, elsewhere = zip(*rows())
    cases, elsewhere = ([row for row in part if row is not None] for part in (cases, elsewhere))
    source = (f"ONNX {onnx.__version__}, onnx.backend.test.case.node; kernels turned from (in, out, spatial...) "
              "to (spatial..., out, in)")
    with PATH.open("w", encoding="utf-8") as file:
        file.write('{"source": ' + json.dumps(source) + ',\n"cases": [\n')
        file.write(",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + '\n],\n"elsewhere": [\n')
        file.write(",\n".join(map(json.dumps, elsewhere)) + "\n]}\n")
    print(f"{len(cases)} tests of ONNX are layers of Keras, {len(elsewhere)} are not")


if __name__ == "__main__":
    main()
