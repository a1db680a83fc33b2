#!/usr/bin/env python3
"""Compares the service with Keras on TensorFlow over random requests.

    conformance.py BINARY --seed 1 --cases 5000 [--only CLASS] [--algorithm NAME]

Every layer of GET /layers in turn, with drawn parameters, shapes, weights and forms of the request;
chains of layers; configurations that Keras refuses; initializers with seeds. README.md says what
has to agree. A case that fails is made as small as it can be, and printed as a curl line.
"""

import argparse
import collections
import json
import sys
import time

import truth  # before anything else that takes Keras: it chooses the backend
import keras
import numpy as np

import cases
import judge
import refuse
import seeds
import service
import shrink
import values

SHOWN = 25  # failures that are made small and printed


class Run:
    def __init__(self, server, seed, only):
        self.server, self.seed = server, seed
        rows = json.loads(server.ask("GET", "/layers")[2])["layers"]
        self.known = {row["class_name"] for row in rows}
        self.rows = [row for row in rows if only is None or row["class_name"].startswith(only)]
        self.chains = only is None
        self.counts, self.failed, self.seen = collections.Counter(), 0, collections.Counter()
        self.ratios = []

    def draw(self, number):
        """A case, and who judges it."""
        random = np.random.default_rng([self.seed, number])
        row = self.rows[number % len(self.rows)]
        kind = random.random()
        if kind < 0.12:
            drawn = refuse.draw(random, row)
            if drawn is not None:
                case, parameters = drawn
                return "refusal", case, lambda c: judge.judge_refusal(self.server, c, parameters)
        elif kind < 0.24:
            drawn = [r for r in self.rows if any(p["type"] == "initializer" for p in r["parameters"])]
            if drawn:
                case = seeds.case(random, drawn[int(random.integers(len(drawn)))])
                return "initializer", case, lambda c: judge.judge_initial(self.server, c)
        elif kind < 0.40 and self.chains:
            return "chain", cases.chain(random, self.known), lambda c: judge.judge(self.server, c)
        return row["class_name"], cases.single(random, row), lambda c: judge.judge(self.server, c)

    def one(self, number):
        try:
            kind, case, judged = self.draw(number)
        except cases.Refused as error:
            self.fail(number, f"a generator drew what Keras refuses: {error}")
            return
        if case is None:
            if kind not in self.seen:
                self.fail(number, f"there is no generator for {kind}")
            self.seen[kind] += 1
            return
        self.counts[kind] += 1
        verdict = judged(case)
        if verdict.ratio is not None:
            self.ratios.append(verdict.ratio)
        if verdict.kind:
            self.report(number, case, verdict, judged)

    def report(self, number, case, verdict, judged):
        self.seen[verdict.kind, case.layers[0]["class_name"]] += 1
        alike = self.seen[verdict.kind, case.layers[0]["class_name"]] > 2
        if self.failed >= SHOWN or alike:
            self.fail(number, f"{verdict.kind}, as above: {case.layers[0]['class_name']}: {verdict.text[:120]}")
            return
        small, again = shrink.shrink(case, verdict, judged)
        path = "/plan?weights=true" if any("initializer" in k for k in small.layers[0]["config"]) else "/upsample"
        form = {k: v for k, v in small.form.items() if v != cases.PLAIN[k]}
        self.fail(number, f"{again.text}\n  {service.curl(small, path)}" +
                  (f"\n  as {form}" if form else "") + (f"\n  drawn as {case}"))

    def fail(self, number, text):
        self.failed += 1
        print(f"case {number}: {text}", flush=True)


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--only", help="layers whose class name starts with this")
    parser.add_argument("--case", type=int, help="this one only")
    parser.add_argument("--algorithm", default="", help="how sums are computed wherever that way applies")
    return parser.parse_args()


def main():
    asked = options()
    server = service.Server(asked.binary, "--algorithm", asked.algorithm)
    if asked.algorithm.startswith("winograd"):
        values.expect_transforms()
    run = Run(server, asked.seed, asked.only)
    numbers = range(asked.cases) if asked.case is None else [asked.case]
    started = time.monotonic()
    try:
        for number in numbers:
            run.one(number)
            if number % 500 == 499:
                keras.backend.clear_session()
                print(f"{number + 1} cases, {run.failed} failed, {time.monotonic() - started:.0f} s", flush=True)
    finally:
        status = server.stop()
    if status != 0:
        run.fail("end", f"the server ended with status {status}")
    counts = run.counts
    print(f"{len(run.rows)} layers; {counts['chain']} chains, {counts['refusal']} refusals, "
          f"{counts['initializer']} initializers; Keras {keras.__version__}, TensorFlow {truth.tf.__version__}")
    if run.ratios:
        middle = float(np.median(run.ratios))
        print(f"{len(run.ratios)} sums: our largest error is {middle:.3f} of TensorFlow's, in the median")
        if middle > 1:
            run.fail("all", "in the median, TensorFlow is nearer to the float64 value")
    total = sum(counts.values())
    print(f"{max(total - run.failed, 0)} passed, {run.failed} failed")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
