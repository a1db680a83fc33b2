"""BentoML with ONNX Runtime: bentoml serve bento_service:Upsampling, with the file of layers in LAYERS.

A process for each core. POST /upsample takes {"layer": name, "input": nested lists}, and answers nested lists.
"""

import gc
import os

import bentoml
import numpy as np

import engines


@bentoml.service(workers=engines.THREADS, traffic={"timeout": 120})
class Upsampling:
    def __init__(self):
        self.rows = engines.layers(os.environ["LAYERS"])
        self.functions = engines.onnxruntime(self.rows)
        gc.freeze()

    @bentoml.api
    def upsample(self, layer: str, input: np.ndarray) -> np.ndarray:  # noqa: A002: the field's name
        y = self.functions[layer](input.astype(np.float32, copy=False).reshape(1, *self.rows[layer]["input_shape"]))[0]
        return y[..., 0] if y.shape[-1] == 1 else y
