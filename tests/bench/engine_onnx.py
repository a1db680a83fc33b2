"""ONNX Runtime and OpenVINO, which are both given the same ONNX graph. It is channels first, as ONNX is; layers that
only move or interpolate values are tried channels last as well."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

import geometry

ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid"}


class Writer:
    """Writes one layer after the other into an ONNX graph."""

    def __init__(self, graph, last):
        self.last = last  # channels last
        self.nodes, self.constants = [], []
        for layer in graph.layers:
            getattr(self, f"write_{geometry.family(layer)}")(layer, layer["config"], layer["weights"])
            activation = layer["config"].get("activation", "linear")
            if activation != "linear":
                self.nodes[-1].output[0] += ".sum"
                self.node(ACTIVATIONS[activation], layer, inputs=[self.nodes[-1].output[0]])
        inputs = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, self.turned(x).shape)
                  for name, x in graph.inputs]
        outputs = [helper.make_tensor_value_info(graph.layers[-1]["name"], onnx.TensorProto.FLOAT,
                                                 self.turned(graph.output).shape)]
        made = helper.make_graph(self.nodes, "graph", inputs, outputs, self.constants)
        self.model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(self.model)

    def turned(self, array):
        if self.last or array.ndim < 3:
            return np.ascontiguousarray(array)
        return np.ascontiguousarray(np.moveaxis(array, -1, 1))

    def turned_back(self, array):
        return array if self.last or array.ndim < 3 else np.moveaxis(array, 1, -1)

    def constant(self, array, dtype=np.float32):
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array, dtype), name))
        return name

    def node(self, kind, layer, *more, inputs=None, **attributes):
        sources = (layer["inputs"] if inputs is None else inputs) + list(more)
        self.nodes.append(helper.make_node(kind, sources, [layer["name"]], **attributes))

    def conv(self, kind, layer, weights, pads):
        g = geometry.Conv(layer)
        kernel = self.constant(np.moveaxis(weights["kernel"], (-1, -2), (0, 1)))
        bias = [self.constant(weights["bias"])] if "bias" in weights else []
        self.node(kind, layer, kernel, *bias, kernel_shape=g.kernel, strides=g.strides, dilations=g.dilation, **pads)

    def write_conv(self, layer, config, weights):
        g = geometry.Conv(layer)
        self.conv("Conv", layer, weights, {"pads": g.before + g.after})

    def write_transpose(self, layer, config, weights):
        g = geometry.Conv(layer)
        self.conv("ConvTranspose", layer, weights, {"pads": g.before + [max(0, a) for a in g.after],
                                                    "output_padding": [max(0, -a) for a in g.after]})

    def write_upsampling(self, layer, config, weights):
        size = [float(s) for s in geometry.each(config["size"], geometry.spatial(layer))]
        scales = self.constant([1.0, *size, 1.0] if self.last else [1.0, 1.0, *size])
        how = config.get("interpolation", "nearest")
        if how == "nearest":
            self.node("Resize", layer, "", scales, mode="nearest", nearest_mode="floor",
                      coordinate_transformation_mode="asymmetric")
        elif how == "bicubic":
            self.node("Resize", layer, "", scales, mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1,
                      coordinate_transformation_mode="half_pixel")
        else:
            self.node("Resize", layer, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")

    def write_depthwiseconv2d(self, layer, config, weights):
        g = geometry.Conv(layer)
        kernel = weights["kernel"]
        groups = kernel.shape[-2]
        kernel = np.moveaxis(kernel.reshape(*g.kernel, 1, -1), (-1, -2), (0, 1))
        self.node("Conv", layer, self.constant(kernel), self.constant(weights["bias"]), kernel_shape=g.kernel,
                  strides=g.strides, pads=g.before + g.after, group=groups)

    def write_maxpooling2d(self, layer, config, weights):
        g = geometry.Conv(layer)
        self.node("MaxPool", layer, kernel_shape=g.kernel, strides=g.strides, pads=g.before + g.after)

    def write_averagepooling2d(self, layer, config, weights):
        g = geometry.Conv(layer)
        self.node("AveragePool", layer, kernel_shape=g.kernel, strides=g.strides, pads=g.before + g.after)

    def write_layernormalization(self, layer, config, weights):
        self.node("LayerNormalization", layer, self.constant(weights["gamma"]), self.constant(weights["beta"]),
                  epsilon=config.get("epsilon", 1e-3))

    def write_softmax(self, layer, config, weights):
        self.node("Softmax", layer, axis=-1)

    def write_activation(self, layer, config, weights):
        self.node("Identity", layer)

    def write_dense(self, layer, config, weights):
        bias = [self.constant(weights["bias"])] if "bias" in weights else []
        self.node("Gemm", layer, self.constant(weights["kernel"]), *bias)

    def write_reshape(self, layer, config, weights):
        shape = config["target_shape"]
        name = layer["name"] + ".last"
        wanted = self.constant([-1, *shape], np.int64)
        self.nodes.append(helper.make_node("Reshape", [*layer["inputs"], wanted], [name]))
        rank = len(shape) + 1
        self.node("Transpose", layer, inputs=[name], perm=[0, rank - 1, *range(1, rank - 1)])

    def write_batchnormalization(self, layer, config, weights):
        values = [self.constant(weights[k]) for k in ("gamma", "beta", "moving_mean", "moving_variance")]
        self.node("BatchNormalization", layer, *values, epsilon=config.get("epsilon", 1e-3))

    def write_relu(self, layer, config, weights):
        self.node("Relu", layer)

    def write_leakyrelu(self, layer, config, weights):
        self.node("LeakyRelu", layer, alpha=config["negative_slope"])

    def write_prelu(self, layer, config, weights):
        self.node("PRelu", layer, self.constant(np.moveaxis(weights["alpha"], -1, 0)))

    def write_concatenate(self, layer, config, weights):
        self.node("Concat", layer, axis=1)


class Engine:
    """Each layout is (label, whether the graph is channels last, whether the tensors given to it are)."""

    def variants(self, graph, threads):
        layouts = [("NCHW", False, False)]
        if self.turns:
            layouts.append(("NHWC", False, True))
        elif all(geometry.family(layer) == "upsampling" for layer in graph.layers):
            layouts.append(("NHWC", True, True))
        for label, last, turned in layouts:
            yield label, lambda l=last, t=turned: self.build(Writer(graph, l), graph, threads, t)


class OnnxRuntime(Engine):
    turns = False

    def __init__(self):
        import onnxruntime

        self.library = onnxruntime
        self.version = f"ONNX Runtime {onnxruntime.__version__}"

    def build(self, writer, graph, threads, last):
        options = self.library.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.graph_optimization_level = self.library.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        session = self.library.InferenceSession(writer.model.SerializeToString(), options, ["CPUExecutionProvider"])
        binding = session.io_binding()
        for name, x in graph.inputs:
            binding.bind_ortvalue_input(name, self.library.OrtValue.ortvalue_from_numpy(writer.turned(x)))
        y = self.library.OrtValue.ortvalue_from_numpy(np.zeros_like(writer.turned(graph.output)))
        binding.bind_ortvalue_output(graph.layers[-1]["name"], y)
        return lambda: session.run_with_iobinding(binding), lambda: writer.turned_back(y.numpy())


class OpenVino(Engine):
    turns = True  # its preprocessing takes tensors of another layout than the graph's

    def __init__(self):
        import openvino

        self.library = openvino
        self.version = f"OpenVINO {openvino.__version__.split('-')[0]}"

    def build(self, writer, graph, threads, last):
        """Its default on this kind of CPU would be bfloat16."""
        core = self.library.Core()
        model = core.read_model(writer.model.SerializeToString())
        if last and not writer.last:
            model = self.turned(model)
        compiled = core.compile_model(model, "CPU", {
            "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32"})
        request = compiled.create_infer_request()
        for name, x in graph.inputs:
            request.set_tensor(name, self.library.Tensor(np.ascontiguousarray(x) if last else writer.turned(x)))
        y = np.zeros_like(graph.output if last else writer.turned(graph.output))
        request.set_output_tensor(self.library.Tensor(y, shared_memory=True))
        return request.infer, lambda: y if last else writer.turned_back(y)

    def turned(self, model):
        """The graph, which is channels first, with tensors that are channels last."""
        first = {3: "NCW", 4: "NCHW", 5: "NCDHW"}
        preprocessing = self.library.preprocess.PrePostProcessor(model)
        for ports, of in ((model.inputs, preprocessing.input), (model.outputs, preprocessing.output)):
            for i, port in enumerate(ports):
                layout = first.get(len(port.partial_shape))
                if layout is not None:
                    of(i).tensor().set_layout(self.library.Layout("N" + layout[2:] + "C"))
                    of(i).model().set_layout(self.library.Layout(layout))
        return preprocessing.build()


def engine(name, threads):
    return OnnxRuntime() if name == "onnxruntime" else OpenVino()
