"""Random configurations: a class name gives parameters and an input's shape that Keras takes.

A generator knows what Keras wants of a layer's parameters together; names of functions, initializers
and interpolations come from the catalogue, so that what the service learns is drawn at once.
"""

import math

import numpy as np

VALUES_MAX = 6000  # of an input, of a kernel
ACTIVATION_LAYERS = [
    {"module": "keras.layers", "class_name": name, "config": config, "registered_name": None} for name, config in [
        ("LeakyReLU", {"negative_slope": 0.1}), ("ReLU", {"max_value": 1.5, "negative_slope": 0.25}),
        ("ELU", {"alpha": 0.5}), ("Softmax", {"axis": 1})]]
LENGTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 17]


class Draw:
    """A layer's configuration in the making."""

    def __init__(self, random, catalogue):
        self.random = random
        self.parameters = {p["name"]: p for p in catalogue["parameters"]}
        self.name, self.spatial = catalogue["class_name"], catalogue["spatial"]
        self.config = {}

    # --- Numbers ---

    def chance(self, probability):
        return self.random.random() < probability

    def one(self, choices):
        return choices[int(self.random.integers(len(choices)))]

    def int(self, low, high):
        return int(self.random.integers(low, high + 1))

    def real(self, low, high):
        return round(float(self.random.uniform(low, high)), 3)

    def ints(self, low, high, rank=None):
        """One number for all axes, or one for each."""
        rank = rank or self.spatial
        if rank == 1 and self.chance(0.5) or self.chance(0.4):
            return self.int(low, high)
        return [self.int(low, high) for _ in range(rank)]

    def lengths(self, count, budget=VALUES_MAX, low=1):
        most = max(low, int(budget ** (1 / max(count, 1))))
        return [self.one([n for n in LENGTHS if low <= n <= most] or [low]) for _ in range(count)]

    # --- Parameters ---

    def knows(self, name):
        return name in self.parameters

    def put(self, name, value, probability=0.5):
        """A parameter that may as well be left out; returns what holds then, or None."""
        if self.knows(name) and self.chance(probability):
            self.config[name] = value
            return value
        return None

    def choice(self, name, probability=0.5, without=()):
        if self.knows(name):
            self.put(name, self.one([c for c in self.parameters[name]["choices"] if c not in without]), probability)

    def activation(self, name="activation", probability=0.35, without=("glu",)):
        """By name, or an activation layer; glu halves an axis and is drawn where that is even."""
        self.choice(name, probability, without)
        if self.chance(0.05):
            self.put(name, self.one(ACTIVATION_LAYERS), 1)

    def first(self):
        return self.config.get("data_format") == "channels_first"

    def shape(self, channels, spatial=None, batch=None):
        batch = batch or self.one([1, 1, 2, 3])
        if spatial is None:
            spatial = self.lengths(self.spatial, VALUES_MAX / (batch * channels))
        return [batch, channels, *spatial] if self.first() else [batch, *spatial, channels]

    def any_shape(self, low=2, high=5):
        rank = self.int(low, high)
        return [self.one([1, 2, 3]), *self.lengths(rank - 1, 600)]


def channels(draw):
    return draw.one([1, 1, 2, 3, 4, 5, 7, 8, 16, 17, 33])


# --- Convolutions ---------------------------------------------------------------------------------


def convolution(draw, transposed=False, depthwise=False, separable=False):
    rank = draw.spatial
    draw.config["kernel_size"] = draw.ints(1, [7, 5, 3][rank - 1])
    kernel = np.broadcast_to(draw.config["kernel_size"], rank)
    draw.put("padding", draw.one(["same", "valid", "SAME", *(["causal"] if draw_causal(draw) else [])]), 0.6)
    draw.put("data_format", "channels_first", 0.25)
    strides = draw.put("strides", draw.int(1, 4) if depthwise or separable else draw.ints(1, 3)) or 1
    either = np.max(strides) == 1 or depthwise or separable
    dilation = draw.put("dilation_rate", draw.ints(1, 3), 0.3 if either else 0) or 1
    extent = (kernel - 1) * np.broadcast_to(dilation, rank) + 1
    draw.put("use_bias", draw.chance(0.3), 0.5)
    draw.activation()
    taps = int(np.prod(kernel))
    width = [c for c in [1, 2, 3, 4, 5, 8, 9, 16, 17, 33] if c * c * taps <= VALUES_MAX] or [1]
    incoming = draw.one(width)
    if not depthwise:
        draw.config["filters"] = draw.one(width)
    if depthwise or separable:
        draw.put("depth_multiplier", draw.int(1, 3))
    elif not transposed and draw.knows("groups") and draw.chance(0.3):
        groups = draw.int(1, 4)
        incoming, draw.config["filters"] = groups * draw.int(1, 4), groups * draw.int(1, 4)
        draw.config["groups"] = groups
    same = draw.config.get("padding", "valid").lower() != "valid"
    grown = int(np.prod(np.broadcast_to(strides, rank))) if transposed else 1
    budget = max(1, VALUES_MAX / (incoming * grown))
    if transposed:
        return draw.shape(incoming, transposed_lengths(draw, strides, extent, same, budget), batch_within(draw, budget))
    most = max(1, int(budget ** (1 / rank)))
    spatial = [draw.int(1, min(most, 17)) if same else draw.int(1, max(1, min(most, 9))) + int(e) - 1 for e in extent]
    return draw.shape(incoming, spatial, batch_within(draw, budget / np.prod(spatial)))


def draw_causal(draw):
    return draw.knows("padding") and "causal" in draw.parameters["padding"]["choices"]


def batch_within(draw, budget):
    return draw.one([b for b in [1, 1, 2, 3] if b <= budget] or [1])


def transposed_lengths(draw, strides, extent, same, budget):
    rank = draw.spatial
    spatial = draw.lengths(rank, min(budget, 1500))
    if draw.chance(0.4):
        each = [draw.int(0, s - 1) for s in np.broadcast_to(strides, rank)]
        draw.config["output_padding"] = each[0] if len(set(each)) == 1 and draw.chance(0.5) else each
        if same:  # an output at all
            out = [(n - 1) * s + e % 2 + p for n, s, e, p in
                   zip(spatial, np.broadcast_to(strides, rank), extent, each)]
            spatial = [n + (o < 1) for n, o in zip(spatial, out)]
    return spatial


def dense(draw):
    draw.config["units"] = draw.one([1, 2, 3, 5, 8, 16, 17, 64])
    draw.put("use_bias", False, 0.3)
    draw.activation()
    return draw.any_shape()


# --- Shapes ---------------------------------------------------------------------------------------


def up_sampling(draw):
    draw.put("size", draw.ints(1, 4) if draw.spatial > 1 else draw.int(1, 7), 0.8)
    draw.put("data_format", "channels_first", 0.25)
    draw.choice("interpolation", 0.7, without=("gaussian", "mitchellcubic"))
    return draw.shape(channels(draw), draw.lengths(draw.spatial, 60))


def pixel_shuffle(draw):
    block = draw.int(2, 4)
    draw.config["block_size"] = block
    draw.put("data_format", "channels_first", 0.25)
    return draw.shape(block * block * draw.int(1, 3), draw.lengths(2, 60))


def pairs(draw, high):
    """An integer, an integer or a pair for each axis."""
    def pair():
        return [draw.int(0, high), draw.int(0, high)]
    if draw.spatial == 1:
        return draw.one([draw.int(0, high), pair()])
    return draw.one([draw.int(0, high), [draw.int(0, high) for _ in range(draw.spatial)],
                     [pair() for _ in range(draw.spatial)]])


def zero_padding(draw):
    draw.put("padding", pairs(draw, 3), 0.8)
    draw.put("data_format", "channels_first", 0.25)
    return draw.shape(channels(draw), draw.lengths(draw.spatial, 60))


def cropping(draw):
    draw.put("cropping", pairs(draw, 2), 0.8)
    draw.put("data_format", "channels_first", 0.25)
    return draw.shape(channels(draw), [draw.int(5, 8) for _ in range(draw.spatial)])


def factors(draw, product):
    parts = []
    while product > 1 and len(parts) < 4:
        d = draw.one([d for d in range(1, product + 1) if product % d == 0])
        parts.append(d)
        product //= d
    return parts + ([product] if product > 1 or not parts else [])


def reshape(draw):
    shape = draw.any_shape()
    target = factors(draw, math.prod(shape[1:]))
    if draw.chance(0.4):
        target[draw.int(0, len(target) - 1)] = -1
    draw.config["target_shape"] = target
    return shape


def flatten(draw):
    draw.put("data_format", "channels_first", 0.4)
    return draw.any_shape(2, 5)


def permute(draw):
    shape = draw.any_shape(2, 5)
    draw.config["dims"] = [int(a) + 1 for a in draw.random.permutation(len(shape) - 1)]
    return shape


def repeat_vector(draw):
    draw.config["n"] = draw.int(1, 6)
    return draw.any_shape(2, 2)


def rescaling(draw):
    draw.config["scale"] = draw.real(-3, 3)
    draw.put("offset", draw.real(-2, 2))
    return draw.any_shape(1, 5)


def input_layer(draw):
    shape = draw.any_shape(2, 4)
    draw.config["batch_shape"] = [None, *shape[1:]]
    return shape


# --- Pooling --------------------------------------------------------------------------------------


def pooling(draw):
    size = draw.ints(1, 4)
    if "default" in draw.parameters["pool_size"] and draw.chance(0.2):
        size = 2
    else:
        draw.config["pool_size"] = size
    draw.put("strides", draw.ints(1, 4))
    same = draw.put("padding", draw.one(["same", "valid"]), 0.6) == "same"
    draw.put("data_format", "channels_first", 0.25)
    sizes = np.broadcast_to(size, draw.spatial)
    return draw.shape(channels(draw), [draw.int(1 if same else int(p), 11 if draw.spatial < 3 else 6) for p in sizes])


def global_pooling(draw):
    draw.put("keepdims", draw.chance(0.5))
    draw.put("data_format", "channels_first", 0.3)
    return draw.shape(channels(draw), draw.lengths(draw.spatial, 400))


def adaptive_pooling(draw):
    draw.config["output_size"] = draw.ints(1, 5)
    draw.put("data_format", "channels_first", 0.3)
    sizes = np.broadcast_to(draw.config["output_size"], draw.spatial)
    return draw.shape(channels(draw), [draw.int(int(s), int(s) + 6) for s in sizes])


# --- Normalisation --------------------------------------------------------------------------------


def axis(draw, shape):
    a = draw.int(1, len(shape) - 1)
    return draw.one([a, a - len(shape)])


def axes(draw, shape):
    """One axis, or some that follow one another."""
    count = draw.int(1, len(shape) - 1)
    if count == 1:
        return axis(draw, shape)
    start = draw.int(1, len(shape) - count)
    return list(range(start, start + count))


def last_axes(draw, shape):
    count = draw.int(1, len(shape) - 1)
    return draw.one([-1, len(shape) - 1]) if count == 1 else list(range(-count, 0))


def normalization(draw):
    shape = draw.any_shape(2, 5)
    several = draw.one([False, True])
    if draw.knows("rms_scaling") or several and "Unit" in draw.name:
        draw.put("axis", axes(draw, shape))
    elif draw.name == "RMSNormalization":  # the scale lies along the last axes, whichever are named
        draw.put("axis", last_axes(draw, shape))
    elif draw.knows("groups"):
        return grouped(draw, shape)
    else:
        draw.put("axis", axis(draw, shape))
    affine(draw)
    draw.put("rms_scaling", True, 0.2)
    return shape


def affine(draw):
    draw.put("epsilon", draw.one([1e-5, 1e-3, 0.1]), 0.4)
    draw.put("center", draw.chance(0.3), 0.4)
    draw.put("scale", draw.chance(0.3), 0.4)


def grouped(draw, shape):
    where = draw.put("axis", axis(draw, shape)) or -1
    shape[where] = draw.int(1, 4) * draw.int(1, 4)
    draw.config["groups"] = draw.one([-1, *(g for g in range(1, shape[where] + 1) if shape[where] % g == 0)])
    affine(draw)
    return shape


# --- Functions ------------------------------------------------------------------------------------


def activation(draw):
    draw.activation(probability=1, without=())
    shape = draw.any_shape(2, 5)
    if draw.config["activation"] == "glu":
        shape[-1] += shape[-1] % 2
    return shape


def relu(draw):
    draw.put("max_value", draw.real(0.2, 3))
    draw.put("negative_slope", draw.real(0, 1))
    draw.put("threshold", draw.one([0, draw.real(0, 2)]))
    return draw.any_shape(1, 5)


def slope(draw):
    for name in ("negative_slope", "alpha"):
        draw.put(name, draw.real(0, 2), 0.7 if name != "alpha" or not draw.knows("negative_slope") else 0)
    return draw.any_shape(1, 5)


def softmax(draw):
    shape = draw.any_shape(2, 5)
    draw.put("axis", axes(draw, shape), 0.7)
    return shape


def prelu(draw):
    shape = draw.any_shape(2, 4)
    shared = [a for a in range(1, len(shape)) if draw.chance(0.5)]
    draw.put("shared_axes", shared or None)
    return shape


def rate(draw):
    for name in ("rate", "stddev", "l1", "l2"):
        draw.put(name, draw.real(0, 0.9), 1 if draw.parameters.get(name, {}).get("required") else 0.7)
    spatial = draw.spatial or (int(draw.name[-2]) if draw.name[-1] == "D" else 0)
    return draw.shape(channels(draw), draw.lengths(spatial, 60)) if spatial else draw.any_shape(2, 5)


def anything(draw):
    return draw.any_shape(1, 5)


# --- Merging: several shapes ----------------------------------------------------------------------


def merge(draw):
    """Shapes that broadcast; sometimes one of a lower rank."""
    shape = draw.any_shape(2, 4)
    count = 2 if draw.name == "Subtract" else draw.int(2, 4)
    shapes = []
    for _ in range(count):
        one = [shape[0], *(1 if draw.chance(0.15) else n for n in shape[1:])]
        if draw.chance(0.1) and len(one) > 2:
            one.pop(1)
        shapes.append(one)
    return shapes


def concatenate(draw):
    shape = draw.any_shape(2, 5)
    where = draw.put("axis", axis(draw, shape)) or -1
    shapes = [list(shape) for _ in range(draw.int(2, 4))]
    for one in shapes:
        one[where] = draw.int(1, 6)
    return shapes


def dot(draw):
    batch, n = draw.int(1, 3), draw.int(1, 9)
    left, right = draw.one([(2, 2), (3, 2), (3, 3), (2, 3)])
    a, b = draw.int(1, left - 1), draw.int(1, right - 1)
    shapes = [[batch, *draw.lengths(left - 1, 100)], [batch, *draw.lengths(right - 1, 100)]]
    shapes[0][a] = shapes[1][b] = n
    draw.config["axes"] = a if a == b and draw.chance(0.5) else [a, b]
    draw.put("normalize", draw.chance(0.5))
    return shapes


# By the start of the class name; the first that fits.
LAYERS = [
    ("Conv1DTranspose", lambda d: convolution(d, transposed=True)),
    ("Conv2DTranspose", lambda d: convolution(d, transposed=True)),
    ("Conv3DTranspose", lambda d: convolution(d, transposed=True)),
    ("Conv", convolution), ("DepthwiseConv", lambda d: convolution(d, depthwise=True)),
    ("SeparableConv", lambda d: convolution(d, separable=True)), ("Dense", dense),
    ("UpSampling", up_sampling), ("PixelShuffle", pixel_shuffle), ("ZeroPadding", zero_padding),
    ("Cropping", cropping), ("Reshape", reshape), ("Flatten", flatten), ("Permute", permute),
    ("RepeatVector", repeat_vector), ("Rescaling", rescaling), ("InputLayer", input_layer),
    ("Global", global_pooling), ("Adaptive", adaptive_pooling), ("MaxPooling", pooling),
    ("AveragePooling", pooling), ("BatchNormalization", normalization), ("LayerNormalization", normalization),
    ("GroupNormalization", normalization), ("RMSNormalization", normalization),
    ("UnitNormalization", normalization), ("Activation", None), ("ReLU", relu), ("LeakyReLU", slope),
    ("ELU", slope), ("PReLU", prelu), ("Softmax", softmax), ("Identity", anything), ("Dropout", rate),
    ("SpatialDropout", rate), ("Gaussian", rate), ("AlphaDropout", rate),
    ("Add", merge), ("Subtract", merge), ("Multiply", merge), ("Average", merge), ("Maximum", merge),
    ("Minimum", merge), ("Concatenate", concatenate), ("Dot", dot),
]
WHOLE = {"Activation": activation, "ActivityRegularization": rate}


def generator(class_name):
    if class_name in WHOLE:
        return WHOLE[class_name]
    return next((make for start, make in LAYERS if class_name.startswith(start) and make), None)


def layer(random, catalogue):
    """A configuration, and the shape of an input or a list of shapes; None for an unknown class."""
    make = generator(catalogue["class_name"])
    if make is None:
        return None
    draw = Draw(random, catalogue)
    shape = make(draw)
    return draw.config, shape
