"""PyTorch, channels first and last: eager; traced; and eager with the weights laid out beforehand for oneDNN, whose
convolutions it has, by the operations that torch.compile uses."""

import numpy as np
import torch
import torch.nn.functional as F

import geometry

SPATIAL = ("conv", "transpose", "upsampling")
ACTIVATIONS = {"linear": lambda x: x, "relu": F.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid,
               "gelu": F.gelu}


def first(array):
    """Channels last to first."""
    return np.ascontiguousarray(np.moveaxis(array, -1, 1))


class Layers(torch.nn.Module):
    def __init__(self, graph, packed):
        super().__init__()
        self.packed, self.steps = packed, []
        self.names = [name for name, _ in graph.inputs]
        for layer in graph.layers:
            config, made = layer["config"], getattr(self, f"make_{geometry.family(layer)}", None)
            if made is None:
                raise ValueError(f"no {layer['class_name']} here")
            weights = {k: np.asarray(w) for k, w in layer["weights"].items()}
            self.steps.append((layer["name"], layer["inputs"], made(layer, config, weights),
                               ACTIVATIONS[config.get("activation", "linear")]))

    def keep(self, array):
        parameter = torch.nn.Parameter(torch.from_numpy(np.ascontiguousarray(array)), requires_grad=False)
        self.register_parameter(f"w{len(list(self.parameters()))}", parameter)
        return parameter

    @staticmethod
    def shape(layer):
        batch, *sides, channels = layer["input_shape"]
        return [batch, channels, *sides]

    def forward(self, *inputs):
        values = dict(zip(self.names, inputs))
        for name, sources, compute, activation in self.steps:
            values[name] = activation(compute(*[values[s] for s in sources]))
        return values[name]

    def make_conv(self, layer, config, weights):
        g = geometry.Conv(layer)
        kernel = self.keep(np.moveaxis(weights["kernel"], (-1, -2), (0, 1)))
        bias = self.keep(weights["bias"]) if "bias" in weights else None
        conv = (F.conv1d, F.conv2d, F.conv3d)[g.spatial - 1]
        pads = [p for pair in reversed(list(zip(g.before, g.after))) for p in pair]
        if self.packed and g.before == g.after:
            places = [g.before, g.strides, g.dilation, 1]
            kernel = torch.ops.mkldnn._reorder_convolution_weight(kernel, *places, self.shape(layer))
            return lambda x: torch.ops.mkldnn._convolution_pointwise(x, kernel, bias, *places, "none", [], "")
        if g.before == g.after:
            return lambda x: conv(x, kernel, bias, g.strides, g.before, g.dilation)
        return lambda x: conv(F.pad(x, pads), kernel, bias, g.strides, 0, g.dilation)

    def make_transpose(self, layer, config, weights):
        """What is cropped more after than before is computed, and a view leaves it out."""
        g = geometry.Conv(layer)
        kernel = self.keep(np.moveaxis(weights["kernel"], (-1, -2), (0, 1)))
        bias = self.keep(weights["bias"]) if "bias" in weights else None
        conv = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[g.spatial - 1]
        extra = [max(0, b - a) for a, b in zip(g.after, g.before)]
        surplus = [a - b for a, b in zip(g.after, g.before)]
        crop = (Ellipsis, *[slice(None, -s if s > 0 else None) for s in surplus])
        if self.packed:
            places = [g.before, extra, g.strides, g.dilation, 1]
            kernel = torch.ops.mkldnn._reorder_convolution_transpose_weight(kernel, *places, self.shape(layer))
            return lambda x: torch.ops.mkldnn._convolution_transpose_pointwise(x, kernel, bias, *places, "none", [],
                                                                               "")[crop]
        return lambda x: conv(x, kernel, bias, g.strides, g.before, extra, 1, g.dilation)[crop]

    def make_upsampling(self, layer, config, weights):
        size = config["size"] if isinstance(config["size"], list) else [config["size"]] * geometry.spatial(layer)
        factor = [float(s) for s in size]
        if config.get("interpolation", "nearest") == "nearest":
            return lambda x: F.interpolate(x, scale_factor=factor, mode="nearest")
        return lambda x: F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)

    def make_depthwiseconv2d(self, layer, config, weights):
        g = geometry.Conv(layer)
        kernel = weights["kernel"]
        groups = kernel.shape[-2]
        kernel = self.keep(np.moveaxis(kernel.reshape(*g.kernel, 1, -1), (-1, -2), (0, 1)))
        bias = self.keep(weights["bias"])
        return lambda x: F.conv2d(x, kernel, bias, g.strides, g.before, g.dilation, groups)

    def make_maxpooling2d(self, layer, config, weights):
        g = geometry.Conv(layer)
        return lambda x: F.max_pool2d(x, g.kernel, g.strides, g.before)

    def make_averagepooling2d(self, layer, config, weights):
        g = geometry.Conv(layer)
        return lambda x: F.avg_pool2d(x, g.kernel, g.strides, g.before, count_include_pad=False)

    def make_layernormalization(self, layer, config, weights):
        gamma, beta = self.keep(weights["gamma"]), self.keep(weights["beta"])
        return lambda x: F.layer_norm(x, gamma.shape, gamma, beta, config.get("epsilon", 1e-3))

    def make_softmax(self, layer, config, weights):
        return lambda x: torch.softmax(x, -1)

    def make_activation(self, layer, config, weights):
        return lambda x: x

    def make_dense(self, layer, config, weights):
        kernel = self.keep(weights["kernel"].T)
        bias = self.keep(weights["bias"]) if "bias" in weights else None
        return lambda x: F.linear(x, kernel, bias)

    def make_reshape(self, layer, config, weights):
        shape = config["target_shape"]
        return lambda x: x.reshape(-1, *shape).movedim(-1, 1)

    def make_batchnormalization(self, layer, config, weights):
        mean, variance, gamma, beta = (self.keep(weights[k])
                                       for k in ("moving_mean", "moving_variance", "gamma", "beta"))
        return lambda x: F.batch_norm(x, mean, variance, gamma, beta, False, 0.0, config.get("epsilon", 1e-3))

    def make_relu(self, layer, config, weights):
        return F.relu

    def make_leakyrelu(self, layer, config, weights):
        return lambda x: F.leaky_relu(x, config["negative_slope"])

    def make_prelu(self, layer, config, weights):
        alpha = self.keep(weights["alpha"].reshape(-1))
        return lambda x: F.prelu(x, alpha)

    def make_concatenate(self, layer, config, weights):
        return lambda *x: torch.cat(x, 1)


class Engine:
    version = f"PyTorch {torch.__version__}"

    def variants(self, graph, threads):
        rank = 2 + max([geometry.spatial(x) for x in graph.layers if geometry.family(x) in SPATIAL], default=0)
        last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(rank)
        layouts = {"NCHW": torch.contiguous_format, "NHWC": last}
        for layout, memory in layouts.items():
            for way in ("", ", traced", ", packed") if rank > 3 else ("", ", traced"):
                if memory is not None:
                    yield layout + way, lambda m=memory, w=way: self.build(graph, rank, m, w)

    def build(self, graph, rank, memory, way):
        model = Layers(graph, way == ", packed").eval()
        inputs = [torch.from_numpy(first(x) if x.ndim > 2 else x) for _, x in graph.inputs]
        inputs = [x.to(memory_format=memory) if x.ndim == rank else x for x in inputs]
        for p in model.parameters():
            if p.ndim == rank:
                p.data = p.data.to(memory_format=memory)
        if way == ", traced":
            with torch.inference_mode():
                model = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, inputs)))

        last = []

        def run():
            with torch.inference_mode():
                last[:] = [model(*inputs)]

        def output():
            y = last[0].numpy()
            return np.moveaxis(y, 1, -1) if y.ndim > 2 else y
        return run, output


def engine(name, threads):
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    return Engine()
