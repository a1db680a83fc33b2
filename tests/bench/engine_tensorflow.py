"""TensorFlow, which is Keras' own engine, and LiteRT with XNNPACK, converted from the same model."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf
import keras
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2


def model_of(graph):
    inputs = {name: keras.Input(batch_shape=x.shape, name=name) for name, x in graph.inputs}
    values, made = dict(inputs), []
    for layer in graph.layers:
        built = getattr(keras.layers, layer["class_name"])(**layer["config"])
        sources = [values[s] for s in layer["inputs"]]
        values[layer["name"]] = built(sources if len(sources) > 1 else sources[0])
        made.append(built)
    for built, layer in zip(made, graph.layers):
        built.set_weights(list(layer["weights"].values()))
    return keras.Model(list(inputs.values()), values[graph.layers[-1]["name"]])


class TensorFlow:
    version = f"TensorFlow {tf.__version__}, Keras {keras.__version__}"

    def variants(self, graph, threads):
        yield "graph", lambda: self.build(graph, False)
        yield "XLA", lambda: self.build(graph, True)

    def build(self, graph, compiled):
        model = model_of(graph)
        specs = [tf.TensorSpec(x.shape, tf.float32) for _, x in graph.inputs]
        function = tf.function(lambda *x: model(list(x) if len(x) > 1 else x[0], training=False))
        frozen = convert_variables_to_constants_v2(function.get_concrete_function(*specs))
        call = tf.function(lambda *x: frozen(*x), jit_compile=True) if compiled else frozen
        inputs = [tf.constant(x) for _, x in graph.inputs]
        last = []

        def run():
            last[:] = [call(*inputs)]

        def output():
            y = last[0]
            return np.asarray(y[0] if isinstance(y, (list, tuple)) else y)
        return run, output


class LiteRT:
    def __init__(self):
        from importlib.metadata import version

        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter
        self.version = f"LiteRT {version('ai-edge-litert')} with XNNPACK"

    def variants(self, graph, threads):
        yield "NHWC", lambda: self.build(graph, threads)

    def build(self, graph, threads):
        content = tf.lite.TFLiteConverter.from_keras_model(model_of(graph)).convert()
        interpreter = self.interpreter(model_content=content, num_threads=threads)
        interpreter.allocate_tensors()
        by_name = {d["name"]: d["index"] for d in interpreter.get_input_details()}
        for name, x in graph.inputs:
            index = next(i for n, i in by_name.items() if n.split(":")[0].split("_", 2)[-1] == name or name in n)
            interpreter.set_tensor(index, x)
        y = interpreter.get_output_details()[0]["index"]
        return interpreter.invoke, lambda: interpreter.get_tensor(y)


def engine(name, threads):
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.set_visible_devices([], "GPU")
    return TensorFlow() if name == "tensorflow" else LiteRT()
