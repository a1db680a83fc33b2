"""One engine in a process of its own, line by line, as bench_layers --serve is for us.

    driver.py ENGINE THREADS

    load FOLDER    builds the graph in the folder in every layout and way the engine has, checks each
                   against FOLDER/output, and keeps the fastest: {"variant", "tried", "wrong"}
    turn SECONDS   warms up for a tenth of that, then runs it again and again: {"seconds": [each run]}

The first answer, without a question, is {"version"}. An answer with "error" says why it has none.
"""

import importlib
import json
import os
import pathlib
import sys
import time

RUNS_MAX = 20000
ERROR_MAX = 1e-3  # of the largest value; other layers than ours give 0.1 and more

ENGINES = {"torch": "engine_torch", "onnxruntime": "engine_onnx", "openvino": "engine_onnx",
           "tensorflow": "engine_tensorflow", "litert": "engine_tensorflow", "onednn": "engine_onednn"}


class Loaded:
    """A graph of layers as peers.py left it in a folder."""

    def __init__(self, folder):
        import numpy as np

        folder = pathlib.Path(folder)
        graph = json.loads((folder / "graph").read_text(encoding="utf-8"))
        self.layers, self.output_shape = graph["layers"], graph["output_shape"]
        self.inputs = [(spec["name"], np.load(folder / f"inputs.{i}")) for i, spec in enumerate(graph["inputs"])]
        weights = [np.load(folder / f"weights.{i}") for i in range(sum(len(x["weights"]) for x in self.layers))]
        for layer in self.layers:
            layer["weights"] = {name: weights[i] for name, i in layer["weights"].items()}
        self.output = np.fromfile(folder / "output", np.float32).reshape(self.output_shape)

    def error(self, output):
        """The largest difference from our output, as a share of its largest value."""
        import numpy as np

        if output.shape != self.output.shape:
            return f"shape {output.shape} instead of {self.output.shape}"
        return float(np.abs(output - self.output).max() / np.abs(self.output).max())


def timed(run, seconds):
    """Each run's time, until so much has passed."""
    taken, end = [], time.perf_counter() + seconds
    while len(taken) < RUNS_MAX and (not taken or time.perf_counter() < end):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return taken


def load(engine, folder, threads):
    graph = Loaded(folder)
    tried, wrong, best = {}, {}, None
    for variant, build in engine.variants(graph, threads):
        try:
            run, output = build()
            run()
            error = graph.error(output())
        except Exception as exception:  # whatever an engine throws, the others go on
            wrong[variant] = f"{type(exception).__name__}: {exception}"[:300].replace("\n", " ")
            continue
        if isinstance(error, str) or not error <= ERROR_MAX:
            wrong[variant] = f"computes something else: {error}"
            continue
        tried[variant] = min(timed(run, 0.03))
        if best is None or tried[variant] < tried[best[0]]:
            best = (variant, run, output)
    if best is None:
        why = "; ".join(f"{variant}: {what}" for variant, what in wrong.items())
        return None, {"error": why or "it has no such layer", "wrong": wrong}
    return best[1:], {"variant": best[0], "tried": tried, "wrong": wrong}


def main():
    name, threads = sys.argv[1], int(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer

    def answer(value):
        print(json.dumps(value), file=answers, flush=True)

    try:
        module = importlib.import_module(ENGINES[name])
        engine = module.engine(name, threads)
    except Exception as exception:
        answer({"error": f"{type(exception).__name__}: {exception}"[:300].replace("\n", " ")})
        return
    answer({"version": engine.version})
    loaded = None  # how to run it, and what holds its output
    for line in sys.stdin:
        word, _, argument = line.strip().partition(" ")
        try:
            if word == "load":
                loaded = None
                loaded, said = load(engine, argument, threads)
                answer(said)
            else:
                timed(loaded[0], float(argument) / 10)
                answer({"seconds": timed(loaded[0], float(argument))})
        except Exception as exception:
            answer({"error": f"{type(exception).__name__}: {exception}"[:300].replace("\n", " ")})


main()
