#!/usr/bin/env python3
"""Our layers beside other engines, interleaved in one run, as Markdown.

    tests/bench/run.sh build/release/tests/bench/bench_layers [--shapes PART] [--threads 1] [--seconds 2] ...
    tests/bench/run.sh build/release/tests/bench/bench_layers --sweep 500 --seed 1

Each engine is a process of its own, pinned to as many cores as it has threads, and is stopped (SIGSTOP) while it is
not its turn: whatever its threads do when they wait, they disturb nobody. A shape is measured in rounds, in each of
which every engine runs for a turn. Every output is compared with ours before anything is measured.
"""

import argparse
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

import locks
import models
import report

HERE = pathlib.Path(__file__).parent
PEERS = ("onednn", "onnxruntime", "openvino", "torch", "tensorflow", "litert")
SWEEP_PEERS = ("onednn", "onnxruntime", "torch")
ROUNDS_MIN = 3
BYTES_MAX = 1 << 31
DEFAULTS = {"shapes": "", "threads": [1, 2], "peers": None, "seconds": None, "rounds": 5, "sweep": 0, "seed": 1}
PR_SET_PDEATHSIG = 1  # of Linux
# Memory that an engine frees stays its own: without this, those that allocate their outputs in each run spend most of
# it on new pages.
MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 33), "MALLOC_TOP_PAD_": str(1 << 26)}
LIBRARIES = pathlib.Path(sys.prefix) / "lib"
# What oneDNN's package for Python is built for: its CPU engine is SYCL's, found through OpenCL.
ENVIRONMENT = {"onednn": {"LD_LIBRARY_PATH": str(LIBRARIES), "ONEAPI_DEVICE_SELECTOR": "opencl:cpu",
                          "OCL_ICD_FILENAMES": str(LIBRARIES / "libintelocl.so")}}


class Engine:
    """A process that answers a line with a line of JSON, and sleeps in between."""

    def __init__(self, name, command, threads):
        self.name, self.command, self.threads, self.variant = name, command, threads, ""
        self.start()

    def start(self):
        """Its first answer is kept, and says the version or why there is none."""
        cores = sorted(os.sched_getaffinity(0))[:self.threads]
        environment = {**os.environ, "OMP_NUM_THREADS": str(self.threads), "PYTHONDONTWRITEBYTECODE": "1",
                       **MEMORY, **ENVIRONMENT.get(self.name, {})}
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env=environment,
                                        preexec_fn=lambda: self.prepare(cores))
        self.said = self.answer()
        self.stop()

    def renew(self):
        """Starts it again where it has ended, or never gives memory back: several do not."""
        if self.process.poll() is None:
            pages = int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1])
            if pages * os.sysconf("SC_PAGE_SIZE") < BYTES_MAX:
                return
        self.close()
        self.start()

    @staticmethod
    def prepare(cores):
        """In the new process: its cores; and it ends when we do, for nobody else would wake it."""
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.sched_setaffinity(0, cores)

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            return {"error": f"it ended with status {self.process.wait()}"}
        return json.loads(line)

    def ask(self, question):
        if self.process.poll() is not None:
            return {"error": f"it ended with status {self.process.returncode}"}
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        answer = self.answer()
        self.stop()
        return answer

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGSTOP)

    def close(self):
        self.process.kill()
        self.process.wait()


def start(arguments, threads):
    """Ourselves, the peers that start, and why the others do not."""
    ours = Engine("ours", [arguments.program, "--serve", str(threads)], threads)
    peers, missing = [], {}
    versions = {"ours": ours.said["version"]}
    for name in arguments.peers or (SWEEP_PEERS if arguments.sweep else PEERS):
        peer = Engine(name, [sys.executable, str(HERE / "driver.py"), name, str(threads)], threads)
        if "error" in peer.said:
            missing[name] = peer.said["error"]
            peer.close()
            continue
        versions[name] = peer.said["version"]
        peers.append(peer)
    return ours, peers, versions, missing


class Lost(Exception):
    """An engine ended, or failed, in its turn."""

    def __init__(self, engine, why):
        super().__init__(f"{engine.name}: {why}")
        self.engine, self.why = engine, why


# --- One graph ------------------------------------------------------------------------------------


def lay_out(folder, graph, ours):
    """Writes the graph with random inputs and weights into the folder; returns what our plan says of it."""
    (folder / "request").write_text(json.dumps(graph.request()), encoding="utf-8")
    plan = ours.ask(f"plan {folder}")
    if "error" in plan:
        sys.exit(f"we refuse {graph.request()}: {plan['error']}")
    computed = [x for x in plan["layers"] if x["class_name"] != "InputLayer"]
    random, count = np.random.default_rng(1), 0
    for i, spec in enumerate(graph.inputs):
        with open(folder / f"inputs.{i}", "wb") as file:
            np.save(file, random.standard_normal(spec["shape"], np.float32))
    for layer, planned in zip(graph.layers, computed):
        layer.update(input_shape=planned["input_shape"], output_shape=planned["output_shape"], weights={})
        for weight in planned["weights"]:
            with open(folder / f"weights.{count}", "wb") as file:
                np.save(file, models.weight(weight["name"], weight["shape"], random))
            layer["weights"][weight["name"]] = count
            count += 1
    (folder / "graph").write_text(json.dumps({"inputs": graph.inputs, "layers": graph.layers,
                                              "output_shape": plan["output_shape"]}), encoding="utf-8")
    request = graph.request()
    del request["inputs"]
    (folder / "request").write_text(json.dumps(request), encoding="utf-8")
    return plan


def rounds(arguments, ours, peers):
    """Turns, fewer where a single run takes long; of each engine the runs' seconds, a list for each round, and our
    roofs."""
    taken = {engine.name: [] for engine in [ours, *peers]}
    roofs = []
    seconds = arguments.seconds or (0.6 if arguments.sweep else 3.5)
    turn = seconds / (arguments.rounds * (1 + len(peers)))
    late = time.monotonic() + 2 * seconds
    for count in range(arguments.rounds):
        if count >= ROUNDS_MIN and time.monotonic() > late:
            break
        for engine in [ours, *peers]:
            said = engine.ask(f"turn {turn}")
            if "error" in said:
                raise Lost(engine, said["error"])
            taken[engine.name].append(said["seconds"])
            if engine is ours:
                roofs.append({k: said[k] for k in ("multiply_adds", "tile", "stores")})
    return taken, roofs


def measure(arguments, name, graph, ours, peers, threads):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="peers-", dir=arguments.scratch))
    try:
        plan = lay_out(folder, graph, ours)
        said = ours.ask(f"load {folder}")
        if "error" in said:
            sys.exit(f"{name}: {said['error']}")
        able, unable = [], {}
        for peer in peers:
            peer.renew()
            said = peer.ask(f"load {folder}")
            for variant, why in said.get("wrong", {}).items():
                print(f"{name}: {peer.name}, {variant}: {why}", file=sys.stderr)
            if "error" in said:
                unable[peer.name] = said["error"]
            else:
                able.append(peer)
                peer.variant = said["variant"]
        taken = None
        while taken is None:
            try:
                taken, roofs = rounds(arguments, ours, able)
            except Lost as lost:
                if lost.engine is ours:
                    raise
                able.remove(lost.engine)
                unable[lost.engine.name] = lost.why
    finally:
        if not arguments.keep:
            shutil.rmtree(folder)
    return report.Row(name, threads, plan, taken, roofs, {p.name: p.variant for p in able}, unable)


# --- The run --------------------------------------------------------------------------------------


def subjects(arguments):
    if arguments.sweep:
        everything = models.sweep(arguments.sweep, arguments.seed)
    else:
        everything = [*models.shapes(), *models.networks()]
    return [(name, graph) for name, graph in everything if re.search(arguments.shapes, name)]


def parsed():
    parser = argparse.ArgumentParser(description="Our layers beside other engines.")
    parser.add_argument("program", help="bench_layers")
    parser.add_argument("--shapes", metavar="REGEX", help="only those whose names have it")
    parser.add_argument("--threads", type=lambda s: [int(x) for x in s.split(",")])
    parser.add_argument("--peers", type=lambda s: s.split(","), help=f"of {','.join(PEERS)}")
    parser.add_argument("--seconds", type=float, help="for a shape, all engines together")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--sweep", type=int, metavar="COUNT", help="random layers instead of the list")
    parser.add_argument("--seed", type=int)
    parser.set_defaults(**DEFAULTS)
    parser.add_argument("--samples", default="build/peers.json", help="where every run's time goes")
    parser.add_argument("--scratch", help="a folder for weights and inputs, a few hundred MB")
    parser.add_argument("--keep", action="store_true", help="leave those folders there")
    locks.option(parser)
    arguments = parser.parse_args()
    unknown = set(arguments.peers or ()) - set(PEERS)
    if unknown:
        parser.error(f"{', '.join(unknown)}: the peers are {', '.join(PEERS)}")
    return arguments


def told(arguments):
    """The options that decide what is measured, where they are not their defaults."""
    words = []
    for name, default in DEFAULTS.items():
        value = getattr(arguments, name)
        if value != default:
            words += [f"--{name}", ",".join(map(str, value)) if isinstance(value, list) else str(value)]
    return words


def main():
    arguments = parsed()
    rows = []
    for threads in arguments.threads:
        ours, peers, versions, missing = start(arguments, threads)
        try:
            if threads == arguments.threads[0]:
                print(report.head(told(arguments), versions, missing), flush=True)
            print(report.table_head(threads, peers, arguments.sweep), flush=True)
            measured, held = [], locks.Locks(arguments.lock)
            for name, graph in subjects(arguments):
                held.take()
                row = measure(arguments, name, graph, ours, peers, threads)
                held.share()
                measured.append(row)
                if not arguments.sweep or not row.passes():
                    print(row.text([p.name for p in peers]), flush=True)
            print(report.summary(measured, [p.name for p in peers], arguments.sweep), flush=True)
            rows += measured
        finally:
            for engine in [ours, *peers]:
                engine.close()
    with open(arguments.samples, "w", encoding="utf-8") as file:
        json.dump([row.samples() for row in rows], file)


main()
