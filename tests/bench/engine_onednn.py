"""oneDNN through its C interface: chains of convolutions, transposed convolutions and upsampling, a primitive each.
In the layout that it asks for itself (it is not charged for turning input and output), and in the plain ones."""

import ctypes
import pathlib
import sys

import numpy as np

import geometry

# From oneapi/dnnl/dnnl_types.h of version 3.
F32, CPU, ANY, FORWARD_INFERENCE, IN_ORDER = 3, 1, 1, 96, 1
CONVOLUTION_AUTO, DECONVOLUTION_DIRECT = 3, 10
INTERPOLATION = {"nearest": 0x2FFF0, "bilinear": 0x2FFF1}
ELTWISE = {"relu": 0x20, "tanh": 0x21, "sigmoid": 0x29}
SOURCE, DESTINATION, WEIGHTS, BIAS = 1, 17, 33, 41
SOURCE_MD, WEIGHTS_MD, DESTINATION_MD = 129, 131, 133

Dims = ctypes.c_int64 * 12
Handle = ctypes.c_void_p
LIBRARY = pathlib.Path(sys.prefix) / "lib" / "libdnnl.so.3"


class Argument(ctypes.Structure):
    _fields_ = [("what", ctypes.c_int), ("memory", Handle)]


class Version(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("major", "minor", "patch")]


def dims(values):
    return Dims(*values)


class Library:
    """The C functions, a failure of which is an exception, and what each is told every time."""

    def __init__(self):
        self.c = ctypes.CDLL(str(LIBRARY))
        self.c.dnnl_primitive_desc_query_md.restype = Handle
        self.c.dnnl_version.restype = ctypes.POINTER(Version)
        self.engine = self.make("engine_create", CPU, ctypes.c_size_t(0))
        self.stream = self.make("stream_create", self.engine, IN_ORDER)

    def call(self, name, *arguments):
        status = getattr(self.c, f"dnnl_{name}")(*arguments)
        if status != 0:
            raise RuntimeError(f"dnnl_{name} gives status {status}")

    def make(self, name, *arguments):
        made = Handle()
        self.call(name, ctypes.byref(made), *arguments)
        return made

    def description(self, shape, last):
        """Of a tensor (batch, channels, spatial...); `last`: channels last in memory, None: as the library likes."""
        if last is None:
            return self.make("memory_desc_create_with_tag", len(shape), dims(shape), F32, ANY)
        order = [0, *range(2, len(shape)), 1] if last and len(shape) > 2 else list(range(len(shape)))
        strides, step = [0] * len(shape), 1
        for axis in reversed(order):
            strides[axis] = step
            step *= shape[axis]
        return self.make("memory_desc_create_with_strides", len(shape), dims(shape), F32, dims(strides))

    def memory(self, description):
        return self.make("memory_create", description, self.engine, Handle(-1 & (1 << 64) - 1))

    def mapped(self, memory, count, work):
        data = ctypes.POINTER(ctypes.c_float)()
        self.call("memory_map_data", memory, ctypes.byref(data))
        result = work(np.ctypeslib.as_array(data, (count,)))
        self.call("memory_unmap_data", memory, data)
        return result

    def execute(self, primitive, arguments):
        array = (Argument * len(arguments))(*[Argument(what, memory) for what, memory in arguments.items()])
        return lambda: self.call("primitive_execute", primitive, self.stream, len(array), array)

    def wait(self):
        self.call("stream_wait", self.stream)

    def reorder(self, source, source_md, target, target_md):
        description = self.make("reorder_primitive_desc_create", source_md, self.engine, target_md, self.engine, None)
        self.execute(self.make("primitive_create", description), {SOURCE: source, DESTINATION: target})()
        self.wait()

    def filled(self, array, description=None):
        """Memory with these values, in that layout (none: as the array lies)."""
        plain = self.description(array.shape, False)
        memory = self.memory(plain)
        self.mapped(memory, array.size, lambda to: np.copyto(to, array.reshape(-1)))
        if description is None:
            return memory
        turned = self.memory(description)
        self.reorder(memory, plain, turned, description)
        return turned

    def read(self, memory, description, shape):
        plain = self.description(shape, False)
        target = self.memory(plain)
        self.reorder(memory, description, target, plain)
        return self.mapped(target, int(np.prod(shape)), lambda x: x.reshape(shape).copy())

    def attributes(self, activation):
        if activation == "linear":
            return None
        operations = self.make("post_ops_create")
        self.call("post_ops_append_eltwise", operations, ELTWISE[activation], ctypes.c_float(0), ctypes.c_float(0))
        attributes = self.make("primitive_attr_create")
        self.call("primitive_attr_set_post_ops", attributes, operations)
        return attributes


class Chain:
    """Primitives that hand on what they make, in whatever layout they make it."""

    def __init__(self, library, graph, last):
        self.library, self.last, self.runs = library, last, []
        x = np.moveaxis(graph.inputs[0][1], -1, 1)
        self.source, self.source_md, self.first = None, None, np.ascontiguousarray(x)
        shape = x.shape
        for layer in graph.layers:
            out = layer["output_shape"]
            out = (out[0], out[-1], *out[1:-1])
            getattr(self, f"add_{geometry.family(layer)}")(layer, shape, out)
            shape = out
        self.shape = shape

    def wanted(self, shape):
        return self.source_md or self.library.description(shape, self.last)

    def add(self, description, arguments):
        """The first primitive of the chain says how it wants the input."""
        query = self.library.c.dnnl_primitive_desc_query_md
        if self.source is None:
            self.source = self.library.filled(self.first, Handle(query(description, SOURCE_MD, 0)))
        target_md = Handle(query(description, DESTINATION_MD, 0))
        target = self.library.memory(target_md)
        primitive = self.library.make("primitive_create", description)
        self.runs.append(self.library.execute(primitive, {SOURCE: self.source, DESTINATION: target, **arguments}))
        self.source, self.source_md = target, target_md

    def add_sum(self, kind, algorithm, layer, shape, out):
        g = geometry.Conv(layer)
        channels = (1, 0) if kind == "deconvolution" else (0, 1)  # Keras has (in, out), or transposed (out, in)
        kernel = np.ascontiguousarray(np.moveaxis(layer["weights"]["kernel"], (-1, -2), channels))
        bias = layer["weights"].get("bias")
        description = self.library.make(
            f"{kind}_forward_primitive_desc_create", self.library.engine, FORWARD_INFERENCE, algorithm,
            self.wanted(shape), self.library.description(kernel.shape, None),
            self.library.description(bias.shape, False) if bias is not None else None,
            self.library.description(out, self.last), dims(g.strides), dims([d - 1 for d in g.dilation]),
            dims(g.before), dims(g.after), self.library.attributes(layer["config"].get("activation", "linear")))
        weights_md = Handle(self.library.c.dnnl_primitive_desc_query_md(description, WEIGHTS_MD, 0))
        arguments = {WEIGHTS: self.library.filled(kernel, weights_md)}
        if bias is not None:
            arguments[BIAS] = self.library.filled(bias)
        self.add(description, arguments)

    def add_conv(self, layer, shape, out):
        self.add_sum("convolution", CONVOLUTION_AUTO, layer, shape, out)

    def add_transpose(self, layer, shape, out):
        self.add_sum("deconvolution", DECONVOLUTION_DIRECT, layer, shape, out)

    def add_upsampling(self, layer, shape, out):
        factors = geometry.each(layer["config"]["size"], geometry.spatial(layer))
        how = INTERPOLATION[layer["config"].get("interpolation", "nearest")]
        source = self.source_md or self.library.description(shape, self.last is not False)  # it takes no "any" here
        self.add(self.library.make(
            "resampling_forward_primitive_desc_create", self.library.engine, FORWARD_INFERENCE, how,
            (ctypes.c_float * 3)(*factors), source, self.library.description(out, self.last), None), {})

    def run(self):
        for run in self.runs:
            run()
        self.library.wait()

    def output(self):
        return np.moveaxis(self.library.read(self.source, self.source_md, self.shape), 1, -1)


class Engine:
    def __init__(self):
        self.library = Library()
        v = self.library.c.dnnl_version().contents
        self.version = f"oneDNN {v.major}.{v.minor}.{v.patch}"

    def variants(self, graph, threads):
        if any(geometry.family(layer) not in ("conv", "transpose", "upsampling") for layer in graph.layers):
            return
        for label, last in (("blocked", None), ("NHWC", True), ("NCHW", False)):
            yield label, lambda last=last: self.build(graph, last)

    def build(self, graph, last):
        chain = Chain(self.library, graph, last)
        return chain.run, chain.output


def engine(name, threads):
    return Engine()
