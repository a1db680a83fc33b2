"""What is measured, as graphs of Keras layers: the shapes of shapes.json, whole networks, random layers."""

import json
import math
import pathlib

import numpy as np

SHAPES = pathlib.Path(__file__).with_name("shapes.json")


class Graph:
    """Layers that name what they take. The last is the output."""

    def __init__(self, *shapes):
        self.inputs = [{"name": f"input{i}", "shape": list(shape)} for i, shape in enumerate(shapes)]
        self.layers = []

    def add(self, class_name, *inputs, **config):
        """A layer that takes the named values (none: what the last layer gives); returns its name."""
        last = (self.layers or self.inputs)[-1]["name"]
        name = f"layer{len(self.layers)}"
        self.layers.append({"name": name, "class_name": class_name, "config": {**config, "name": name},
                            "inputs": list(inputs) or [last]})
        return name

    def request(self):
        """The body of a POST /plan: the graph as Keras 2 wrote a Functional model."""
        layers = [{"class_name": "InputLayer", "name": i["name"], "inbound_nodes": [],
                   "config": {"name": i["name"], "batch_input_shape": [None, *i["shape"][1:]]}} for i in self.inputs]
        layers += [{"class_name": layer["class_name"], "name": layer["name"], "config": layer["config"],
                    "inbound_nodes": [[[source, 0, 0, {}] for source in layer["inputs"]]]} for layer in self.layers]
        config = {"name": "graph", "layers": layers, "input_layers": [[i["name"], 0, 0] for i in self.inputs],
                  "output_layers": [[self.layers[-1]["name"], 0, 0]]}
        return {"inputs": [{"shape": i["shape"]} for i in self.inputs],
                "model": {"class_name": "Functional", "config": config}}


# --- Single layers --------------------------------------------------------------------------------


def shapes():
    for row in json.loads(SHAPES.read_text(encoding="utf-8")):
        graph = Graph(row["input"])
        for layer in row["layers"]:
            graph.add(**layer)
        yield row["name"], graph


def sized(values):
    return "x".join(map(str, values))


def drawn(random):
    """A random layer: its name and graph. Sizes are drawn again until there is enough to do."""
    def some(low, high):
        return int(random.integers(low, high + 1))

    class_name = str(random.choice(["Conv1DTranspose", "Conv2DTranspose", "Conv2DTranspose", "Conv3DTranspose",
                                    "Conv2D", "UpSampling2D"]))
    spatial = int(next(c for c in class_name if c.isdigit()))
    while True:
        sides = [some(1, {1: 4000, 2: 200, 3: 40}[spatial]) for _ in range(spatial)]
        channels, filters = (int(2 ** random.uniform(0, 9)) for _ in range(2))
        kernel = [some(1, {1: 11, 2: 11, 3: 5}[spatial])] * spatial
        stride = some(1, 5)
        dilation = some(2, 3) if stride == 1 and random.random() < 0.3 else 1
        if class_name.endswith("Transpose"):
            dilation = 1  # TensorFlow has none to compare with
        shape = [1, *sides, channels]
        if class_name == "UpSampling2D":
            how = str(random.choice(["nearest", "bilinear"]))
            flops, out = 0, math.prod(sides) * max(2, stride) ** 2 * channels
            config = {"size": max(2, stride), "interpolation": how}
            name = f"{how} x{max(2, stride)} {sized(sides)}x{channels}"
        else:
            pixels = math.prod(sides) * (stride**spatial if class_name.endswith("Transpose") else 1 / stride**spatial)
            flops = 2 * min(pixels, math.prod(sides)) * math.prod(kernel) * channels * filters
            out = pixels * filters
            config = {"filters": filters, "kernel_size": kernel[0], "strides": stride, "padding": "same"}
            if dilation > 1:
                config["dilation_rate"] = dilation
            name = (f"{class_name} {channels}>{filters}@{sized(sides)} k{kernel[0]}s{stride}"
                    + (f"d{dilation}" if dilation > 1 else ""))
        if (flops >= 20e6 or out >= 1 << 20) and flops < 4e9 and out < 1 << 24:
            graph = Graph(shape)
            graph.add(class_name, **config)
            return name, graph


def sweep(count, seed):
    random = np.random.default_rng(seed)
    for _ in range(count):
        yield drawn(random)


# --- Networks -------------------------------------------------------------------------------------


def dcgan():
    """Radford, Metz, Chintala 2015: the generator of 64x64 images."""
    graph = Graph((1, 100))
    graph.add("Dense", units=4 * 4 * 1024, use_bias=False)
    graph.add("Reshape", target_shape=[4, 4, 1024])
    for filters in (512, 256, 128):
        graph.add("BatchNormalization")
        graph.add("ReLU")
        graph.add("Conv2DTranspose", filters=filters, kernel_size=4, strides=2, padding="same", use_bias=False)
    graph.add("BatchNormalization")
    graph.add("ReLU")
    graph.add("Conv2DTranspose", filters=3, kernel_size=4, strides=2, padding="same", activation="tanh")
    return graph


def unet(spatial, bottom, side, channels, classes):
    """Ronneberger, Fischer, Brox 2015; Cicek et al. 2016: the decoder, which is given the encoder's values."""
    sides = [side * 2**i for i in range(len(channels) + 1)]
    graph = Graph((1, *[side] * spatial, bottom),
                  *[(1, *[s] * spatial, c) for s, c in zip(sides[1:], channels)])
    x = "input0"
    for i, filters in enumerate(channels):
        x = graph.add(f"Conv{spatial}DTranspose", x, filters=filters, kernel_size=2, strides=2, padding="same")
        x = graph.add("Concatenate", f"input{i + 1}", x)
        for _ in range(2):
            x = graph.add(f"Conv{spatial}D", x, filters=filters, kernel_size=3, padding="same", activation="relu")
    graph.add(f"Conv{spatial}D", x, filters=classes, kernel_size=1)
    return graph


def fsrcnn(times, height=120, width=160):
    """Dong, Loy, Tang 2016: FSRCNN(56, 12, 4)."""
    graph = Graph((1, height, width, 1))
    for filters, size in ((56, 5), (12, 1), *[(12, 3)] * 4, (56, 1)):
        graph.add("Conv2D", filters=filters, kernel_size=size, padding="same")
        graph.add("PReLU", shared_axes=[1, 2])
    graph.add("Conv2DTranspose", filters=1, kernel_size=9, strides=times, padding="same")
    return graph


def pix2pix():
    """Isola, Zhu, Zhou, Efros 2017: the generator for 256x256 images, as it serves (no dropout)."""
    graph = Graph((1, 256, 256, 3))
    x, skips = "input0", []
    for i, filters in enumerate((64, 128, 256, 512, 512, 512, 512, 512)):
        x = graph.add("Conv2D", x, filters=filters, kernel_size=4, strides=2, padding="same", use_bias=False)
        if i > 0:
            graph.add("BatchNormalization")
        x = graph.add("LeakyReLU", negative_slope=0.2)
        skips.append(x)
    for filters, skip in zip((512, 512, 512, 512, 256, 128, 64), skips[-2::-1]):
        graph.add("Conv2DTranspose", x, filters=filters, kernel_size=4, strides=2, padding="same", use_bias=False)
        graph.add("BatchNormalization")
        x = graph.add("ReLU")
        x = graph.add("Concatenate", x, skip)
    graph.add("Conv2DTranspose", x, filters=3, kernel_size=4, strides=2, padding="same", activation="tanh")
    return graph


def fcn32():
    """Long, Shelhamer, Darrell 2015: the last layer of FCN-32s, 21 classes."""
    graph = Graph((1, 16, 16, 21))
    graph.add("Conv2DTranspose", filters=21, kernel_size=64, strides=32, padding="same", use_bias=False)
    return graph


def vae():
    """A variational autoencoder's decoder that repeats pixels and convolves, 128x128 images."""
    graph = Graph((1, 128))
    graph.add("Dense", units=8 * 8 * 256, activation="relu")
    graph.add("Reshape", target_shape=[8, 8, 256])
    for filters in (256, 128, 64, 32):
        graph.add("UpSampling2D", size=2)
        graph.add("Conv2D", filters=filters, kernel_size=3, padding="same", activation="relu")
    graph.add("Conv2D", filters=3, kernel_size=3, padding="same", activation="sigmoid")
    return graph


def networks():
    yield "DCGAN generator", dcgan()
    yield "U-Net decoder 14 to 224", unet(2, 1024, 14, (512, 256, 128, 64), 2)
    yield "3D U-Net decoder 8 to 32", unet(3, 128, 8, (64, 32), 3)
    yield "FSRCNN x2", fsrcnn(2)
    yield "FSRCNN x3", fsrcnn(3)
    yield "FSRCNN x4", fsrcnn(4)
    yield "pix2pix generator", pix2pix()
    yield "FCN-32s upsampling", fcn32()
    yield "VAE decoder", vae()


# --- Numbers --------------------------------------------------------------------------------------


def weight(name, shape, random):
    """Values that keep their size from layer to layer, so that no engine meets denormal numbers."""
    x = random.standard_normal(shape, np.float32)
    if name == "moving_variance":
        return np.float32(0.5) + np.abs(x)
    if name == "gamma":
        return np.float32(1) + np.float32(0.1) * x
    if len(shape) > 1 and name != "alpha":
        return x * np.float32(1 / math.sqrt(math.prod(shape[:-1])))
    return np.float32(0.1) * x
