"""Where Keras' "same" and "valid" put the kernels: what all engines but Keras must be told."""


def spatial(layer):
    return next(int(c) for c in layer["class_name"] if c.isdigit())


def family(layer):
    """conv, transpose, upsampling, or the class in small letters."""
    name = layer["class_name"].lower()
    if name.startswith("conv") and name[4].isdigit():
        return "transpose" if name.endswith("transpose") else "conv"
    return "upsampling" if name.startswith("upsampling") else name


def each(value, count):
    return list(value) if isinstance(value, (list, tuple)) else [value] * count


class Conv:
    """A convolution, or a pooling. Per axis: strides, dilation, and the padding `before` and `after` (of a transposed convolution
    what is cropped; negative: zeros more)."""

    def __init__(self, layer):
        config = layer["config"]
        self.spatial = spatial(layer)
        self.kernel = each(config.get("kernel_size", config.get("pool_size")), self.spatial)
        self.strides = each(config.get("strides", config.get("pool_size", 1)), self.spatial)
        self.dilation = each(config.get("dilation_rate", 1), self.spatial)
        self.before, self.after = [], []
        transpose = family(layer) == "transpose"
        for k, s, d, n in zip(self.kernel, self.strides, self.dilation, layer["input_shape"][1:-1]):
            reach = (k - 1) * d + 1
            if config.get("padding", "valid") == "valid":
                total = min(0, reach - s) if transpose else 0
            elif transpose:
                total = reach - s
            else:
                total = max(0, (-(-n // s) - 1) * s + reach - n)
            self.before.append(max(0, total) // 2)
            self.after.append(total - max(0, total) // 2)
