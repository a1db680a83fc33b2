"""What computes the layers of the services: functions of one array, channels last with a batch of one.

A layer is a row of the JSON file that services.py writes: its configuration, weights and input's shape.
"""

import json
import os
import pathlib
import sys
import types

import numpy as np

sys.path.insert(1, str(pathlib.Path(__file__).parent.parent))  # the engines of `make bench`

THREADS = len(os.sched_getaffinity(0))


def layers(path):
    """Those of the file, by name, with arrays for lists."""
    rows = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    for row in rows.values():
        row["weights"] = [np.array(w, np.float32) for w in row["weights"]]
    return rows


def onnx_model(row):
    """Channels last outside; inside as ONNX has it, for which its Resize takes half of the time of one that is
    channels last and transposed by nobody."""
    from onnx import helper

    from engine_onnx import Writer

    names = ("kernel", "bias")[:len(row["weights"])]
    layer = {**row, "name": "inside_output", "inputs": ["inside_input"], "weights": dict(zip(names, row["weights"])),
             "input_shape": [1, *row["input_shape"]]}
    x, y = (np.empty((1, *row[k]), np.float32) for k in ("input_shape", "output_shape"))
    model = Writer(types.SimpleNamespace(layers=[layer], inputs=[("inside_input", x)], output=y), False).model
    graph = model.graph
    graph.node.insert(0, helper.make_node("Transpose", ["input"], ["inside_input"], perm=[0, 3, 1, 2]))
    graph.node.append(helper.make_node("Transpose", ["inside_output"], ["output"], perm=[0, 2, 3, 1]))
    graph.input[0].CopyFrom(helper.make_tensor_value_info("input", 1, x.shape))
    graph.output[0].CopyFrom(helper.make_tensor_value_info("output", 1, y.shape))
    return model.SerializeToString()


def onnxruntime(rows):
    """All cores for one request; threads that wait must not spin, for the other processes need the cores."""
    import onnxruntime as library

    def function(row):
        options = library.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = library.InferenceSession(onnx_model(row), options, ["CPUExecutionProvider"])
        return lambda x: session.run(None, {"input": x})[0]
    return {name: function(row) for name, row in rows.items()}


def keras(rows):
    """Each layer in a graph of its own, traced once: predict() takes a hundred times as long for a small one."""
    import keras as library
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(1)

    def function(row):
        layer = getattr(library.layers, row["class_name"])(**row["config"])
        model = library.Sequential([library.Input(row["input_shape"]), layer])
        layer.set_weights(row["weights"])
        signature = [tf.TensorSpec([1, *row["input_shape"]], tf.float32)]
        graph = tf.function(lambda x: model(x, training=False), input_signature=signature).get_concrete_function()
        return lambda x: graph(tf.constant(x)).numpy()
    return {name: function(row) for name, row in rows.items()}


ENGINES = {"onnxruntime": onnxruntime, "keras": keras}
