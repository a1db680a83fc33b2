"""Whether the service answers a case as Keras and the formulas do."""

import json

import numpy as np

import cases
import formulas
import service
import truth


class Verdict:
    """kind is "" when all is well; the ratio is our error over TensorFlow's, of sums."""

    def __init__(self, kind="", text="", ratio=None):
        self.kind, self.text, self.ratio = kind, text, ratio


class Expected:
    def __init__(self, case):
        xs, values = case.inputs, [formulas.Value(x) for x in case.inputs]
        self.exact, self.sums, self.keras = True, True, None
        self.chooses = any(x["class_name"] in formulas.CHOOSES | {"Maximum", "Minimum"} for x in case.layers)
        self.broadcast = len({x.shape for x in xs}) > 1
        self.reach = max(1, *(np.abs(x).max(initial=0) for x in xs))
        answers = xs
        for entry in case.layers:
            layer = cases.built(entry, [v.value.shape for v in values])
            weights = [np.asarray(w, np.float64) for w in entry.get("weights") or []]
            values = [formulas.evaluate(layer, weights, values)]
            self.exact &= formulas.exact(layer)
            name = entry["class_name"]
            self.sums &= name.startswith(formulas.SUMS) and linear(layer)
            answers = self._keras(layer, answers)
        self.value, self.bound = values[0].value, values[0].bound
        self.keras = None if answers is None else answers[0]

    def _keras(self, layer, answers):
        try:
            return None if answers is None else [truth.run(layer, answers)]
        except Exception as error:  # TensorFlow's kernels refuse in many ways
            self.refusal = f"{type(error).__name__}: {str(error)[:200]}"
            return None


def linear(layer):
    activation = getattr(layer, "activation", None)
    return activation is None or getattr(activation, "__name__", "") == "linear"


def judge(server, case):
    try:
        expected = Expected(case)
    except cases.Refused as error:
        return Verdict("generator", f"Keras refuses what was drawn: {error}")
    if not np.abs(expected.value).max(initial=0) < 1e38:  # exponentials of large sums
        return Verdict()
    status, headers, body = server.ask("POST", *service.asked(case))
    if status != 200:
        return Verdict(f"status {status}", f"status {status}: {detail(body)}")
    got = service.answer(headers, body)
    shape = case.received(expected.value).shape
    if got.shape != shape:
        return Verdict("shape", f"shape {got.shape}, not {shape}")
    return compare(expected, got.reshape(expected.value.shape))


def detail(body):
    try:
        return json.loads(body).get("detail", "")
    except ValueError:
        return body[:200]


def compare(expected, got):
    if expected.exact:
        wanted = expected.value.astype(np.float32)
        if expected.keras is not None and (wanted != expected.keras).any() and not expected.broadcast:
            return Verdict("witness", "Keras and the formula disagree: " +
                           place(wanted != expected.keras, expected.keras, wanted))
        wrong = got.view(np.uint32) != wanted.view(np.uint32)
        if expected.chooses:  # of two zeros of different signs, either may be the larger
            wrong &= got != wanted
        return Verdict("bits", place(wrong, got, wanted)) if wrong.any() else Verdict()
    with np.errstate(invalid="ignore"):
        off = np.abs(got.astype(np.float64) - expected.value)
        wrong = ~(off <= expected.bound)
    if wrong.any():
        return Verdict("values", place(wrong, got, expected.value) +
                       f", may be off by {expected.bound[wrong][0]:.3g}, TensorFlow's is "
                       + ("none" if expected.keras is None else f"{expected.keras[wrong][0]:.9g}"))
    if expected.keras is None:
        return Verdict()
    theirs = np.abs(expected.keras.astype(np.float64) - expected.value)
    # The two truths must agree before either judges; Keras' functions lose digits of their arguments.
    apart = theirs > 4 * expected.bound + 2e-6 * np.maximum(expected.reach, np.abs(expected.value))
    if apart.any():
        return Verdict("witness", "Keras and the formula disagree: " + place(apart, expected.keras, expected.value))
    if not expected.sums or theirs.max(initial=0) == off.max(initial=0) == 0:
        return Verdict()
    return Verdict(ratio=float(off.max() / theirs.max()) if theirs.max() > 0 else float("inf"))


def place(wrong, got, wanted):
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    return f"{int(wrong.sum())} of {wrong.size} values; at {list(at)} {got[at]:.9g}, not {wanted[at]:.17g}"


# --- Refusals -------------------------------------------------------------------------------------


def keras_refuses(case):
    """Its words, or None when it takes the case."""
    try:
        layer = cases.built(case.layers[0], [x.shape for x in case.inputs])
        shape = truth.shaped(layer, [x.shape for x in case.inputs])
        if "Pooling" not in case.layers[0]["class_name"]:
            truth.called(layer, case.inputs)
    except Exception as error:  # Keras raises what it likes
        return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
    return "an empty answer" if 0 in shape else None


def judge_refusal(server, case, parameters):
    """The service must refuse, and name one of the parameters or, for "", a layer or an input."""
    if keras_refuses(case) is None:
        return Verdict("generator", "Keras takes it")
    status, _, body = server.ask("POST", *service.asked(case))
    if status != 422:
        return Verdict(f"refusal {status}", f"status {status} where Keras refuses ({keras_refuses(case)})")
    said = json.loads(body)
    pointer = (said.get("errors") or [{}])[0].get("pointer", "")
    steps = pointer.removeprefix("/model/config").split("/")[1:]
    if any(step in parameters for step in steps[-2:]):
        return Verdict()
    if "" in parameters and steps and "config" not in steps[:-1]:
        return Verdict()
    return Verdict("pointer", f"the error is at {pointer!r} ({said.get('detail')}), not at one of {parameters}")


# --- Initializers ---------------------------------------------------------------------------------


def judge_initial(server, case):
    """Weights that a seed draws are Keras' to the bit; POST /plan shows them."""
    try:
        layer = cases.built(case.layers[0], [x.shape for x in case.inputs])
    except cases.Refused as error:
        return Verdict("generator", f"Keras refuses what was drawn: {error}")
    config = case.layers[0]["config"]
    drawn = [config.get(name) for name in layer.get_config() if name.endswith("_initializer")]
    if None in drawn:
        return Verdict("unseeded", "a seed that nobody knows")
    # Orthogonal's digits are those of the QR factorisation, which differs from library to library.
    off = 1e-6 if any(isinstance(d, dict) and d["class_name"] == "Orthogonal" for d in drawn) else 0
    path, body, kind = service.asked(case, "/plan")
    status, _, body = server.ask("POST", path + "?weights=true", body, kind)
    if status != 200:
        return Verdict(f"status {status}", f"status {status}: {detail(body)}")
    shown = json.loads(body, parse_int=float)["layers"][0]["weights"]
    for ours, theirs in zip(shown, layer.weights):
        theirs = np.asarray(theirs.value)
        got = np.array(ours["values"], dtype=object).astype(np.float32)
        if tuple(int(n) for n in ours["shape"]) != theirs.shape:
            return Verdict("shape", f"{ours['name']} has shape {ours['shape']}, not {theirs.shape}")
        got = got.reshape(theirs.shape)
        wrong = np.abs(got - theirs) > off if off else got.view(np.uint32) != theirs.view(np.uint32)
        if wrong.any():
            return Verdict("bits", f"{ours['name']}: {place(wrong, got, theirs)}")
    return Verdict() if len(shown) == len(layer.weights) else Verdict("shape", f"{len(shown)} weights")
