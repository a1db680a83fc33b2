"""The smallest case that fails in the same way."""

import numpy as np

import cases
import truth

TRIES = 400


def smaller_numbers(value):
    """An integer, or one of a list, made smaller."""
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        if abs(value) > 1:
            yield from sorted({value // 2 if value > 0 else -1, value - 1 if value > 0 else value + 1}, key=abs)
    elif isinstance(value, float):
        if value != round(value):
            yield float(round(value))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            for less in smaller_numbers(item):
                yield [*value[:i], less, *value[i + 1:]]


def refitted(case):
    """Weights cut to the shapes that the layers have now; None where the layers do not go together."""
    shapes = [x.shape for x in case.inputs]
    for entry in case.layers:
        given = entry.pop("weights", None)
        try:
            layer = cases.built(entry, shapes)
            shapes = [tuple(layer.compute_output_shape(shapes if len(shapes) > 1 else shapes[0]))]
        except Exception:  # not a case
            return None
        if given and layer.weights:
            entry["weights"] = [cut(w, v.shape) for w, v in zip(given, layer.weights)]
            if len(given) != len(layer.weights):
                return None
    return case


def cut(values, shape):
    found = np.ones(shape, np.float32)
    if values.ndim == len(shape):
        part = tuple(slice(0, min(a, b)) for a, b in zip(values.shape, shape))
        found[part] = values[part]
    return found


def changed(case, change):
    other = case.copy()
    change(other)
    return refitted(other)


def candidates(case):
    for key, plain in cases.PLAIN.items():
        if case.form[key] != plain:
            yield changed(case, lambda c, k=key, p=plain: c.form.update({k: p}))
    if len(case.layers) > 1:
        yield changed(case, lambda c: c.layers.pop())
        yield without_first(case)
    if len(case.inputs) > 2:
        yield changed(case, lambda c: c.inputs.pop())
    for i, entry in enumerate(case.layers):
        for name, value in entry["config"].items():
            yield changed(case, lambda c, i=i, n=name: c.layers[i]["config"].pop(n))
            for less in smaller_numbers(value):
                yield changed(case, lambda c, i=i, n=name, v=less: c.layers[i]["config"].update({n: v}))
    for i, x in enumerate(case.inputs):
        for a, n in enumerate(x.shape):
            for keep in sorted({1, n // 2, n - 1} - {0, n}):
                yield changed(case, lambda c, a=a, k=keep: shorten(c, a, k))
    yield from simpler_values(case)


def shorten(case, axis, keep):
    """All inputs with the same length there, as a merging layer needs them."""
    case.inputs = [x if axis >= x.ndim or x.shape[axis] < keep else np.take(x, range(keep), axis) for x in case.inputs]


def without_first(case):
    try:
        layer = cases.built(case.layers[0], [x.shape for x in case.inputs])
        y = truth.run(layer, case.inputs)
    except Exception:  # then the first layer stays
        return None
    other = case.copy()
    other.layers, other.inputs = other.layers[1:], [y]
    return refitted(other)


def simpler_values(case):
    def over(tensors, simple):
        return [simple(x).astype(np.float32) for x in tensors]

    for simple in (np.ones_like, np.round, lambda x: np.round(x, 1), lambda x: np.round(x, 3)):
        for i, entry in enumerate(case.layers):
            if entry.get("weights") and any((simple(w) != w).any() for w in entry["weights"]):
                yield changed(case, lambda c, i=i: c.layers[i].update(weights=over(c.layers[i]["weights"], simple)))
        if any((simple(x) != x).any() for x in case.inputs):
            yield changed(case, lambda c: setattr(c, "inputs", over(c.inputs, simple)))
    if sum(np.count_nonzero(x) for x in case.inputs) > 4:
        yield changed(case, lambda c: setattr(c, "inputs", [np.where(np.arange(x.size).reshape(x.shape) % 2, x, 0)
                                                           for x in c.inputs]))


def shrink(case, verdict, judge):
    """`judge` a case until none of the smaller ones fails as this one does."""
    tries = 0
    found = True
    while found and tries < TRIES:
        found = False
        for smaller in candidates(case):
            if smaller is None:
                continue
            tries += 1
            try:
                again = judge(smaller)
            except Exception:  # Keras on a case that is none
                continue
            if again.kind == verdict.kind:
                case, verdict, found = smaller, again, True
                break
            if tries >= TRIES:
                break
    return case, verdict
