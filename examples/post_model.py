#!/usr/bin/env python3
"""Runs a Keras model on a service instead of on TensorFlow.

    python3 examples/post_model.py decoder.keras input.npy output.npy [http://localhost:8080]

The model goes as model.to_json(), its weights as get_weights() gives them, each a NumPy file in a
part of its own. `body` does that for any model; what it returns can be kept and posted with curl.
"""

import io
import json
import sys
import urllib.error
import urllib.request

import numpy as np

BOUNDARY = "keras-model-and-weights"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def npy(array):
    file = io.BytesIO()
    np.save(file, np.asarray(array, np.float32))
    return file.getvalue()


def part(name, kind, data):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: {kind}\r\n\r\n'
    return head.encode() + data + b"\r\n"


def body(model, x):
    """The request for model(x): its answer is a NumPy file, as the input is one."""
    request = {"model": json.loads(model.to_json()), "output": {"format": "npy"}}
    parts = [part("request", "application/json", json.dumps(request, separators=(",", ":")).encode()),
             part("input", "application/x-npy", npy(x))]
    parts += [part(f"weights.{i}", "application/x-npy", npy(w)) for i, w in enumerate(model.get_weights())]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def post(model, x, url):
    request = urllib.request.Request(f"{url}/upsample", body(model, x), {"Content-Type": CONTENT_TYPE})
    try:
        with urllib.request.urlopen(request) as answer:
            return np.load(io.BytesIO(answer.read()))
    except urllib.error.HTTPError as refusal:
        raise ValueError(json.load(refusal)["detail"]) from None


def main():
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    import keras

    model, source, target, url = (*sys.argv[1:], "http://localhost:8080")[:4]
    try:
        np.save(target, post(keras.saving.load_model(model, compile=False), np.load(source), url))
    except (OSError, ValueError) as error:
        sys.exit(f"post_model.py: {error}")


if __name__ == "__main__":
    main()
