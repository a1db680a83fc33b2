"""Rows, tables and means, in Markdown."""

import collections
import datetime
import math
import pathlib
import re
import shlex
import statistics
import subprocess

TITLES = {"onednn": "oneDNN", "onnxruntime": "ORT", "openvino": "OpenVINO", "torch": "PyTorch",
          "tensorflow": "TensorFlow", "litert": "LiteRT"}
PEAK_SHARE, STORE_SHARE = 0.35, 0.60  # what a random layer is expected to reach


def median_of_rounds(rounds):
    return statistics.median(x for turn in rounds for x in turn)


class Row:
    """One graph: what each engine took, and what the machine could do meanwhile."""

    def __init__(self, name, threads, plan, taken, roofs, variants, unable):
        self.name, self.threads, self.plan = name, threads, plan
        self.taken, self.roofs, self.variants, self.unable = taken, roofs, variants, unable
        self.flops, self.bytes = 2 * plan["macs"], plan["bytes"]["output"]
        self.median = {engine: median_of_rounds(rounds) for engine, rounds in taken.items()}
        self.best = min(x for turn in taken["ours"] for x in turn)
        roof = {k: statistics.median(r[k] for r in roofs) for k in roofs[0]}
        self.moves = self.bytes / roof["stores"] > self.flops / roof["multiply_adds"]
        self.work = self.bytes if self.moves else self.flops

    def share(self, roof):
        """Of the roof of as many threads, the median of the rounds' own shares."""
        return statistics.median(self.work / statistics.median(turn) / (self.threads * r[roof])
                                 for turn, r in zip(self.taken["ours"], self.roofs))

    def faster(self, peer):
        """How many times as fast we are, the median of the rounds' own ratios."""
        return statistics.median(statistics.median(theirs) / statistics.median(ours)
                                 for ours, theirs in zip(self.taken["ours"], self.taken[peer]))

    def best_peer(self):
        return min((p for p in self.median if p != "ours"), key=self.median.get, default=None)

    def passes(self):
        peer = self.best_peer()
        enough = STORE_SHARE if self.moves else PEAK_SHARE
        reached = self.share("stores" if self.moves else "multiply_adds")
        return reached >= enough and (peer is None or self.faster(peer) >= 1)

    def algorithms(self):
        """Of the layers that multiply, or of all when none does."""
        names = collections.Counter(x["algorithm"] for x in self.plan["layers"]
                                    if x["class_name"] != "InputLayer" and (x["macs"] or not self.plan["macs"]))
        return ", ".join(f"{n} {name}" if n > 1 else name for name, n in names.most_common())

    def text(self, peers):
        unit = "GB/s" if self.moves else ""
        cells = [self.name, self.algorithms(), f"{self.median['ours'] * 1e3:.3f} / {self.best * 1e3:.3f}",
                 f"{self.work / self.median['ours'] / 1e9:.1f} {unit}".strip(),
                 f"{100 * self.share('stores' if self.moves else 'multiply_adds'):.0f} %",
                 "" if self.moves else f"{100 * self.share('tile'):.0f} %"]
        for peer in peers:
            cells.append(f"{self.median[peer] * 1e3:.3f} {self.variants[peer]}".strip() if peer in self.median else "-")
        best = self.best_peer()
        cells.append(f"{self.faster(best):.2f} {TITLES[best]}" if best else "-")
        cells.append(f"{self.faster('tensorflow'):.2f}" if "tensorflow" in self.median else "-")
        return "| " + " | ".join(cells) + " |"

    def samples(self):
        return {"name": self.name, "threads": self.threads, "flops": self.flops, "output_bytes": self.bytes,
                "algorithms": self.algorithms(), "variants": self.variants, "unable": self.unable,
                "roofs": self.roofs, "seconds": self.taken}


# --- Around the rows ------------------------------------------------------------------------------


def processor():
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = {key: re.search(rf"^{key}\s*: (.*)$", text, re.M) for key in ("model name", "cpu family", "model")}
    name, family, model = (m.group(1) if m else "?" for m in found.values())
    cores = len(re.findall(r"^processor\b", text, re.M))
    return f"{name} (family {family}, model {model}), {cores} cores"


def commit():
    made = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return made.stdout.strip() or "of no repository"


def head(options, versions, missing):
    command = "make bench" + (f' BENCH="{shlex.join(options)}"' if options else "")
    lines = ["# Beside other engines", "",
             f"Written by `{command}`; `performance.md` says how it measures, and what the columns are.", "",
             f"{processor()}; {datetime.date.today():%d %B %Y}; commit {commit()}; {', '.join(versions.values())}."]
    lines += [f"Not measured: {TITLES[name]}: {why}." for name, why in missing.items()]
    return "\n".join(lines)


def table_head(threads, peers, sweep):
    cells = ["shape", "our algorithm", "ours, median / best ms", "GFLOP/s", "of roof", "of tile",
             *[f"{TITLES[p.name]}, ms" for p in peers], "x best peer", "x TensorFlow"]
    what = f"\n## {threads} thread{'s' if threads > 1 else ''}\n\n"
    if sweep:
        what += (f"Of {sweep} random layers, those where a peer is faster or that reach less than {PEAK_SHARE:.0%}"
                 f" of the multiply-adds, or {STORE_SHARE:.0%} of the stores, of this machine:\n\n")
    return what + "| " + " | ".join(cells) + " |\n|" + "---|" * len(cells)


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def brief(why):
    """Reasons of each variant, without what differs from shape to shape."""
    parts = [re.sub(r"(: [\d.]+|\.?<.*|\.)$", "", part.split(": ", 1)[-1]) for part in why.split("; ")]
    return "; ".join(dict.fromkeys(parts))


def summary(rows, peers, sweep):
    if not rows:
        return "\nNo shape has such a name."
    lines = [""]
    if sweep:
        passed = sum(row.passes() for row in rows)
        lines += [f"{passed} of {len(rows)} pass, {100 * passed / len(rows):.1f} %.", ""]
    lines += ["| peer | shapes | we are faster, geometric mean | least | most |", "|---|---|---|---|---|"]
    best = [(row.faster(row.best_peer()), row) for row in rows if row.best_peer()]
    means = [(TITLES[p], [row.faster(p) for row in rows if p in row.median]) for p in peers]
    for title, ratios in [*means, ("the best of each shape", [r for r, _ in best])]:
        if ratios:
            cells = [title, str(len(ratios)), *[f"{x:.2f}" for x in (geometric_mean(ratios), min(ratios), max(ratios))]]
            lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    behind = sorted(((r, row) for r, row in best if r < 1), key=lambda x: x[0])
    if behind and not sweep:
        named = [f"{row.name} ({r:.2f} of {TITLES[row.best_peer()]})" for r, row in behind]
        lines.append(f"- Behind: {'; '.join(named)}.")
    unable = collections.Counter((p, brief(w)) for row in rows for p, w in row.unable.items())
    for (name, why), count in sorted(unable.items()):
        lines.append(f"- {TITLES[name]} lacks {count}: {why}.")
    return "\n".join(lines)
