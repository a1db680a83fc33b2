#!/bin/sh
# Runs peers.py with its arguments, in a virtual environment of its own that is made when it is not
# there. What cannot be installed is said, and measured by nobody.
set -eu
here=$(dirname "$0")
venv=build/peers-venv

if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    echo "Installing the peers into $venv" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement "$here/requirements.txt" >&2 ||
        grep -v '^#' "$here/requirements.txt" | while read -r package; do
            "$venv/bin/pip" install --quiet "$package" >&2 || echo "Not installed: $package" >&2
        done
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi
exec "$venv/bin/python" "$here/peers.py" "$@"
