#!/usr/bin/env python3
"""The service beside others that have the same layers, and beside one that does nothing: as Markdown.

    tests/bench/services.sh build/release/upsampled build/release/tests/bench/bench_bare_http [--cases REGEX] ...

All run on the same cores, and all but one are stopped (SIGSTOP) at any time. Every service's first answer to a case is
compared with ours; then wrk loads them in turn, round by round. A figure is the median of the rounds, a ratio the
median of the rounds' own ratios.
"""

import argparse
import datetime
import importlib.metadata
import io
import json
import math
import os
import pathlib
import re
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile

import matplotlib.image
import numpy as np
import orjson

import locks
import report
from service import Failed, Request, Service, free_port

HERE = pathlib.Path(__file__).parent / "services"
NODE = pathlib.Path("build/services-node")
CORES = sorted(os.sched_getaffinity(0))[:2]
DEFAULTS = {"cases": "", "services": None, "rounds": 3, "seconds": 1}
TURN_REQUESTS, TURN_SECONDS_MAX, SLOW_SECONDS = 5, 6, 4
WARM_CONNECTIONS, PHASE_REQUESTS = 4, 9
ERROR_MAX = {"JSON": 1e-5, "NPY": 1e-5, "PNG": 4 / 255}  # of the largest value; of a neighbouring colour
TYPES = {"JSON": "application/json", "NPY": "application/x-npy", "PNG": "image/png"}
BOUNDARY = "a-boundary-of-the-bench"

# name: title, forms it speaks, whether it is Python's
SERVICES = {
    "bare": ("a handler that does nothing", "JSON NPY PNG", False),
    "ours": ("upsampled", "JSON NPY PNG", False),
    "onnxruntime": ("FastAPI, ONNX Runtime", "JSON NPY PNG", True),
    "keras": ("FastAPI, Keras", "JSON NPY PNG", True),
    "bentoml": ("BentoML, ONNX Runtime", "JSON", True),
    "tfjs": ("node, TensorFlow.js", "JSON NPY", False),
}


# --- What is measured -------------------------------------------------------------------------------


class Case:
    """A layer and its input, in a form; the weights are a part of each request to us, and known to the others."""

    def __init__(self, name, layer, side, channels, form, connections):
        random = np.random.default_rng(1)
        self.name, self.form, self.connections = f"{name}, {form}", form, connections
        self.key = re.sub("[^A-Za-z0-9]+", "-", name)
        self.class_name, self.config = layer
        self.input = random.random((side, side, channels), np.float32)
        filters = self.config.get("filters", channels)
        self.weights = []
        if "kernel_size" in self.config:
            kernel = [self.config["kernel_size"]] * 2 + [filters, channels]
            self.weights = [random.random(kernel, np.float32) - 0.5, random.random(filters, np.float32)]
        self.output_shape = [2 * side, 2 * side, filters]
        if channels == 1:
            self.input = self.input[..., 0]
        self.channels = channels

    def layer(self):
        row = {"class_name": self.class_name, "config": self.config}
        return {**row, "weights": self.weights} if self.weights else row

    def row(self):
        """For the other services."""
        return {"class_name": self.class_name, "config": self.config, "weights": self.weights,
                "input_shape": [*self.input.shape[:2], self.channels], "output_shape": self.output_shape}


def conv(filters, kernel):
    return "Conv2DTranspose", {"filters": filters, "kernel_size": kernel, "strides": 2, "padding": "same"}


def cases():
    few, nearest = (1, 4), ("UpSampling2D", {"size": 2})
    notebook = "notebook 8x8, Conv2DTranspose k3s2"
    yield Case(notebook, conv(1, 3), 8, 1, "JSON", (1, 8, 32))
    yield Case(notebook, conv(1, 3), 8, 1, "PNG", (1, 8))
    for side, channels, filters in ((64, 3, 3), (256, 3, 3), (64, 64, 8), (1024, 1, 1)):
        what = f"{side}x{side}x{channels}"
        for form in ("JSON", "NPY", "PNG") if channels == 1 else ("JSON", "NPY"):
            yield Case(f"nearest {what}", nearest, side, channels, form, few)
        for form in ("JSON", "NPY"):
            yield Case(f"Conv2DTranspose k4s2 {what}>{filters}", conv(filters, 4), side, channels, form, few)


def text(value):
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def request_to_us(case, folder):
    headers = {"Content-Type": TYPES["JSON"], "Accept": TYPES[case.form]}
    if case.form == "NPY":
        headers["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
        parts = [('name="request"', TYPES["JSON"], text({"layer": case.layer()})),
                 ('name="input"; filename="x.npy"', TYPES["NPY"], npy(case.input))]
        body = b"".join(f"--{BOUNDARY}\r\nContent-Disposition: form-data; {what}\r\nContent-Type: {kind}\r\n\r\n".encode()
                        + value + b"\r\n" for what, kind, value in parts) + f"--{BOUNDARY}--\r\n".encode()
        return Request("/upsample", headers, body, folder)
    document = {"input": case.input, "layer": case.layer()}
    if case.form == "PNG":
        document["output"] = {"bare": True, "cell": 1, "cmap": "viridis"}  # as matplotlib's imsave draws
    return Request("/upsample", headers, text(document), folder)


def request_to(name, case, ours, answer, folder):
    """`ours` is our own request, `answer` what we said."""
    if name == "ours":
        return ours
    if name == "bare":
        return Request(f"/{len(answer)}", ours.headers, ours.body, folder)
    if name == "bentoml":
        return Request("/upsample", {"Content-Type": TYPES["JSON"]}, text({"layer": case.key, "input": case.input}), folder)
    headers = {"Content-Type": TYPES["NPY" if case.form == "NPY" else "JSON"], "Accept": TYPES[case.form]}
    body = npy(case.input) if case.form == "NPY" else text({"input": case.input})
    return Request(f"/{case.key}", headers, body, folder)


def decoded(form, answer):
    if form == "JSON":
        value = orjson.loads(answer)
        return np.array(value["output"] if isinstance(value, dict) else value, np.float32)
    if form == "NPY":
        return np.load(io.BytesIO(answer))
    return matplotlib.image.imread(io.BytesIO(answer))[..., :3]


def different(form, theirs, ours):
    """How the answers differ, or nothing."""
    if theirs.shape != ours.shape:
        return f"its answer has the shape {theirs.shape} instead of {ours.shape}"
    error = np.abs(theirs - ours).max() / np.abs(ours).max()
    return "" if error <= ERROR_MAX[form] else f"its answer differs by {error:.2g} of the largest value"


# --- The run --------------------------------------------------------------------------------------


def start(arguments, everything):
    """The services that start, and why the others do not."""
    path = pathlib.Path(arguments.scratch) / "layers.json"
    path.write_bytes(text({case.key: case.row() for case in everything}))
    port = {name: free_port() for name in SERVICES}
    python = [sys.executable, str(HERE / "fastapi_service.py")]
    commands = {
        "bare": [arguments.bare, str(len(CORES))],
        "ours": [arguments.program, "--port", str(port["ours"]), "--log-level", "error"],
        "onnxruntime": [*python, "onnxruntime", path, str(port["onnxruntime"])],
        "keras": [*python, "keras", path, str(port["keras"])],
        "bentoml": [sys.executable, "-m", "bentoml", "serve", "bento_service:Upsampling", "--working-dir", str(HERE),
                    "--host", "127.0.0.1", "--port", str(port["bentoml"])],
        "tfjs": ["node", str(NODE / "tfjs_service.mjs"), path, str(port["tfjs"]), str(len(CORES))],
    }
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONDONTWRITEBYTECODE": "1", "LAYERS": str(path),
                   "BENTOML_DO_NOT_TRACK": "True"}
    services, missing = [], {}
    for name, command in commands.items():
        if name not in ("bare", "ours", *(arguments.services or SERVICES)):
            continue
        print(f"Starting {name}", file=sys.stderr)
        try:
            services.append(Service(name, command, environment, port[name] if name != "bare" else None))
        except Failed as why:
            missing[name] = why
    return services, missing


class Result:
    """A case: of each service and number of connections, what the rounds measured."""

    def __init__(self, case):
        self.case, self.rounds, self.memory, self.unable, self.phases = case, {}, {}, {}, ()

    def median(self, name, connections, what):
        return statistics.median(r[what] for r in self.rounds[name, connections])

    def faster(self, name, connections, what="rate"):
        """Our rate as a multiple of theirs, or another figure of ours."""
        return statistics.median(a[what] / b[what] for a, b in
                                 zip(self.rounds["ours", connections], self.rounds[name, connections]))

    def measured(self, python=None):
        names = [n for n in SERVICES if (n, self.case.connections[0]) in self.rounds]
        return [n for n in names if python is None or SERVICES[n][2] == python]

    def best_python(self, connections):
        return max(self.measured(True), key=lambda n: self.median(n, connections, "rate"), default=None)


def prepare(case, services, result, folder):
    """Of each service that is able: its request, and about how long one takes. The first is ours."""
    able, ours, answer = [], request_to_us(case, folder), b""
    for service in sorted(services, key=lambda s: s.name != "ours"):
        if case.form not in SERVICES[service.name][1].split():
            continue
        service.go()
        try:
            request = request_to(service.name, case, ours, answer, folder)
            _, said, (seconds,) = service.ask(request)
            if service.name == "ours":
                answer, truth = said, decoded(case.form, said)
            elif service.name != "bare":
                why = different(case.form, decoded(case.form, said), truth)
                if why:
                    raise Failed(why)
            if seconds > SLOW_SECONDS:
                raise Failed(f"a request takes {seconds:.0f} s")
            seconds = min(service.ask(request, 2)[2])
            turn(service, request, WARM_CONNECTIONS, 1)
            able.append((service, request, seconds))
        except Failed as why:
            result.unable[service.name] = why
        service.stop()
    return able


def turn(service, request, connections, seconds):
    """Once more, and longer, where nothing was answered: others may load the machine as well."""
    try:
        return service.load(request, connections, seconds)
    except Failed:
        return service.load(request, connections, TURN_SECONDS_MAX)


def phases(service, request):
    """Medians of several requests, one after the other: in milliseconds, whole and by the answer's own account."""
    whole, inside = [], []
    service.go()
    for _ in range(PHASE_REQUESTS):
        headers, _, taken = service.ask(request, 2)
        phase = dict(re.findall(r"(\w+);dur=([0-9.]+)", headers["Server-Timing"]))
        whole.append(taken[-1] * 1e3)
        inside.append(sum(float(phase[k]) for k in ("decode", "plan", "compute", "encode")))
    service.stop()
    return statistics.median(whole), statistics.median(inside)


def measure(arguments, case, services, held, folder):
    result = Result(case)
    held.take()
    able = prepare(case, services, result, folder)
    if able and able[0][0].name == "ours":
        result.phases = phases(*able[0][:2])
    for _ in range(arguments.rounds):
        for connections in case.connections:
            for service, request, seconds in list(able):
                held.share()
                held.take()
                wanted = math.ceil(TURN_REQUESTS * seconds * max(1, connections / len(CORES)))
                wanted = min(max(arguments.seconds, wanted), TURN_SECONDS_MAX)
                service.go()
                try:
                    result.rounds.setdefault((service.name, connections), []).append(
                        turn(service, request, connections, wanted))
                    result.memory[service.name] = service.memory()
                except Failed as why:
                    result.unable[service.name] = why
                    for c in case.connections:
                        result.rounds.pop((service.name, c), None)
                    able = [x for x in able if x[0] is not service]
                service.stop()
    held.share()
    return result


# --- Tables ---------------------------------------------------------------------------------------


def number(value):
    """Three digits, more before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def milliseconds(*values):
    return " / ".join(number(v * 1e3) for v in values)


def versions():
    wanted = ("fastapi", "uvicorn", "orjson", "onnxruntime", "keras", "tensorflow_cpu", "bentoml")
    found = {d.name.lower(): d.version for d in importlib.metadata.distributions()}
    node = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    return ", ".join([f"{name} {found[name]}" for name in wanted if name in found] +
                     [f"{name} {version}" for name, version in node.items()])


def head(arguments, missing):
    told = [(k, getattr(arguments, k)) for k, default in DEFAULTS.items() if getattr(arguments, k) != default]
    told = [w for k, v in told for w in (f"--{k}", ",".join(v) if isinstance(v, list) else str(v))]
    command = "make bench-http" + (f' BENCH="{shlex.join(told)}"' if told else "")
    lines = ["# Beside other services", "", f"Written by `{command}`; `performance.md` says how it measures.", "",
             f"{report.processor()}, {len(CORES)} of them used by all, wrk as well; {datetime.date.today():%d %B %Y}; "
             f"commit {report.commit()}; {versions()}."]
    return "\n".join(lines + [f"Not measured: {SERVICES[name][0]}: {why}." for name, why in missing.items()])


def table(result):
    case = result.case
    cells = ["service", *[h for c in case.connections for h in (f"requests/s, {c}", f"p50 / p99 ms, {c}")],
             "CPU ms a request", "MB"]
    lines = [f"\n## {case.name}\n", "| " + " | ".join(cells) + " |", "|" + "---|" * len(cells)]
    for name in result.measured():
        cells = [SERVICES[name][0]]
        for c in case.connections:
            cells += [number(result.median(name, c, "rate")),
                      milliseconds(result.median(name, c, "p50"), result.median(name, c, "p99"))]
        cells += [milliseconds(result.median(name, case.connections[-1], "cpu")), f"{result.memory[name] / 1e6:.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [f"\nLeft out: {SERVICES[name][0]}: {why}." for name, why in result.unable.items()]
    return "\n".join(lines)


def summary(results):
    heads = ["case", "connections", "requests/s", "p50 / p99 ms", "of the bare handler", "best of Python", "ours / its rate",
             "its CPU / ours", "phases of a request, ms"]
    lines = ["\n## All cases\n", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for result in results:
        for c in result.case.connections if not {"ours", "bare"} - set(result.measured()) else ():
            best = result.best_python(c)
            whole, inside = result.phases
            cells = [result.case.name, str(c), number(result.median("ours", c, "rate")),
                     milliseconds(result.median("ours", c, "p50"), result.median("ours", c, "p99")),
                     f"{result.faster('bare', c):.0%}".replace("%", " %"),
                     *([SERVICES[best][0], number(result.faster(best, c)), number(1 / result.faster(best, c, "cpu"))]
                       if best else ["-"] * 3),
                     f"{number(inside)} of {number(whole)}" if c == 1 else ""]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def parsed():
    parser = argparse.ArgumentParser(description="The service beside others.")
    parser.add_argument("program", help="upsampled")
    parser.add_argument("bare", help="bench_bare_http")
    parser.add_argument("--cases", metavar="REGEX", help="only those whose names have it")
    parser.add_argument("--services", type=lambda s: s.split(","), help=f"of {','.join(SERVICES)}")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int, help="of a turn, at least")
    parser.set_defaults(**DEFAULTS)
    locks.option(parser)
    return parser.parse_args()


def main():
    arguments = parsed()
    os.sched_setaffinity(0, CORES)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # and take the services along
    everything = [case for case in cases() if re.search(arguments.cases, case.name)]
    with tempfile.TemporaryDirectory() as arguments.scratch:
        services, missing = start(arguments, everything)
        held, results = locks.Locks(arguments.lock), []
        try:
            print(head(arguments, missing), flush=True)
            for case in everything:
                results.append(measure(arguments, case, services, held, arguments.scratch))
                print(table(results[-1]), flush=True)
        finally:
            for service in services:
                service.close()
            if results:
                print(summary(results), flush=True)


main()
