#!/bin/sh
# Runs conformance.py with its arguments, in a virtual environment of its own that is made when it is
# not there. CONFORMANCE_PYTHON is a Python that has the packages of requirements.txt already.
set -eu
here=$(dirname "$0")
venv=build/conformance-venv

if [ -z "${CONFORMANCE_PYTHON:-}" ]; then
    if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
        echo "Installing Keras and TensorFlow into $venv"
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
        cp "$here/requirements.txt" "$venv/requirements.txt"
    fi
    CONFORMANCE_PYTHON=$venv/bin/python
fi
exec "$CONFORMANCE_PYTHON" "$here/conformance.py" "$@"
