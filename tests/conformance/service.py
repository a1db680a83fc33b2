"""The real server, and requests to it in every form that they may have."""

import base64
import http.client
import io
import json
import pathlib
import subprocess
import tempfile
import time
import urllib.parse

import truth
import keras
import numpy as np

BOUNDARY = "----------conformance"


class Server:
    """The process, and one connection that is kept."""

    def __init__(self, binary, *extra):
        self.log = tempfile.NamedTemporaryFile(prefix="upsampled-", suffix=".log")
        self.process = subprocess.Popen(
            [binary, "--port", "0", "--drain-delay", "0s", "--log-format", "json", "--log-level", "info", *extra],
            stdout=subprocess.DEVNULL, stderr=self.log)
        self.port = self._port()
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def _port(self):
        for _ in range(200):
            for line in pathlib.Path(self.log.name).read_text().splitlines():
                if '"listening"' in line:
                    return json.loads(line)["port"]
            if self.process.poll() is not None:
                raise SystemExit(f"the server ended: {pathlib.Path(self.log.name).read_text()}")
            time.sleep(0.05)
        raise SystemExit("the server does not say that it listens")

    def ask(self, method, path, body=None, content_type="application/json"):
        """Status, headers and body. A connection that the server closed is opened again, once."""
        for attempt in (0, 1):
            try:
                self.connection.request(method, path, body, {"Content-Type": content_type} if body else {})
                response = self.connection.getresponse()
                return response.status, response.headers, response.read()
            except (http.client.HTTPException, OSError) as error:
                self.connection.close()
                if self.process.poll() is not None:
                    raise SystemExit(f"the server ended with status {self.process.returncode}") from error
                if attempt:
                    raise
        raise AssertionError("not reached")

    def stop(self):
        self.connection.close()
        self.process.terminate()
        return self.process.wait(timeout=30)


# --- Tensors --------------------------------------------------------------------------------------


def floats(x):
    """Shortest texts that read back as the same float32, as JSON numbers."""
    return [int(v) if v.is_integer() and abs(v) < 1e9 and not (v == 0 and np.signbit(v)) else float(str(v))
            for v in np.asarray(x, np.float32).reshape(-1)]


def nested(x):
    x = np.asarray(x, np.float32)
    return floats(x)[0] if x.ndim == 0 else floats(x) if x.ndim == 1 else [nested(v) for v in x]


def npy(x):
    file = io.BytesIO()
    np.save(file, np.asarray(x, np.float32))
    return file.getvalue()


TENSORS = {
    "nested": nested,
    "flat": lambda x: {"shape": list(x.shape), "data": floats(x)},
    "npy": lambda x: {"npy": base64.b64encode(npy(x)).decode()},
}


# --- Requests -------------------------------------------------------------------------------------


def keras_tensor(name, shape):
    return {"class_name": "__keras_tensor__",
            "config": {"shape": [None, *shape[1:]], "dtype": "float32", "keras_history": [name, 0, 0]}}


def model_of(entry, inputs):
    """A Functional model around one layer that takes several inputs."""
    names = [f"input_{i}" for i in range(len(inputs))]
    tensors = [keras_tensor(name, x.shape) for name, x in zip(names, inputs)]
    layers = [{"module": "keras.layers", "class_name": "InputLayer", "name": name, "inbound_nodes": [],
               "config": {"batch_shape": [None, *x.shape[1:]], "dtype": "float32", "name": name}}
              for name, x in zip(names, inputs)]
    layers.append({"module": "keras.layers", "class_name": entry["class_name"], "name": "merged",
                   "config": {**entry["config"], "name": "merged"},
                   "inbound_nodes": [{"args": [tensors], "kwargs": {}}]})
    return {"class_name": "Functional", "config": {
        "name": "model", "layers": layers, "input_layers": [[name, 0, 0] for name in names],
        "output_layers": [["merged", 0, 0]]}}


def document(case, tensors=True):
    """The request as JSON; `tensors` False leaves out what goes into parts of their own."""
    written = TENSORS[case.form["tensors"]]
    entries = []
    for layer in case.layers:
        entry = {"class_name": layer["class_name"], "config": layer["config"]}
        if case.form["layer"] == "keras" and layer["class_name"] not in ("PixelShuffle", "InputLayer"):
            entry = keras.saving.serialize_keras_object(truth.make(layer["class_name"], layer["config"]))
        elif case.form["layer"] == "short":
            entry = {"class_name": layer["class_name"], **layer["config"]}
        if layer.get("weights") and tensors:
            entry["weights"] = [written(w) for w in layer["weights"]]
        entries.append(entry)
    request = {}
    if len(case.inputs) > 1:
        request["inputs"] = [written(x) for x in case.inputs]
        request["model"] = model_of(case.layers[0], case.inputs)
    else:
        if tensors:
            request["input"] = written(case.sent())
        request |= {"layer": entries[0]} if len(entries) == 1 else {"layers": entries}
    if case.form["answer"] != "json":
        request["output"] = {"format": case.form["answer"]}
    return request


def parts(case):
    request = document(case, tensors=False)
    if case.form["answer"] == "json":
        request["output"] = {"format": "json"}
    found = [("request", "application/json", json.dumps(request).encode()),
             ("input", "application/x-npy", npy(case.sent()))]
    for i, layer in enumerate(case.layers):
        for j, w in enumerate(layer.get("weights") or []):
            found.append((f"weights.{i}.{j}", "application/x-npy", npy(w)))
    return found


def multipart(found):
    body = b""
    for name, kind, data in found:
        body += (f"--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n"
                 f"Content-Type: {kind}\r\n\r\n").encode() + data + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def asked(case, path="/upsample"):
    """Path, body and content type of a request."""
    if case.form["body"] == "multipart":
        return path, multipart(parts(case)), f"multipart/form-data; boundary={BOUNDARY}"
    if case.form["body"] == "npy":
        entries = json.dumps([{"class_name": x["class_name"], "config": x["config"]} for x in case.layers])
        query = urllib.parse.urlencode({"layers": entries, "format": case.form["answer"]})
        return f"{path}?{query}", npy(case.sent()), "application/x-npy"
    return path, json.dumps(document(case)).encode(), "application/json"


def curl(case, path="/upsample"):
    """A line for people: plain JSON, whatever form the request had."""
    text = json.dumps(document(case.plain())).replace("'", "'\\''")
    return f"curl -s -d '{text}' localhost:8080{path}"


# --- Answers --------------------------------------------------------------------------------------


def answer(headers, body):
    """The tensor of an answer; null is NaN."""
    if headers.get_content_type() != "application/json":
        return np.load(io.BytesIO(body))
    said = json.loads(body, parse_int=float)  # -0 as well
    values, shape = (said["output"], said["shape"]) if "output" in said else (said["outputs"][0], said["shapes"][0])
    return np.array(values, dtype=object).astype(np.float32).reshape([int(n) for n in shape])
