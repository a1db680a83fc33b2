#!/bin/sh
# Runs services.py with its arguments: services.sh UPSAMPLED BENCH_BARE_HTTP [option...]. Makes a virtual
# environment and a folder of node's packages when they are not there. What cannot be installed is
# said, and measured by nobody.
set -eu
here=$(dirname "$0")
venv=build/services-venv
node=build/services-node

if ! cmp -s "$here/services/requirements.txt" "$venv/requirements.txt"; then
    echo "Installing Python's services into $venv" >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement "$here/services/requirements.txt" >&2 ||
        grep -v '^#' "$here/services/requirements.txt" | while read -r package; do
            "$venv/bin/pip" install --quiet "$package" >&2 || echo "Not installed: $package" >&2
        done
    cp "$here/services/requirements.txt" "$venv/requirements.txt"
fi
if ! cmp -s "$here/services/package.json" "$node/package.json"; then
    echo "Installing node's packages into $node" >&2
    mkdir -p "$node"
    cp "$here/services/package.json" "$node/package.json"
    (cd "$node" && npm install --silent --no-audit --no-fund --ignore-scripts >&2) || {
        echo "Not installed: TensorFlow.js" >&2
        rm "$node/package.json"
    }
fi
cp "$here"/services/*.mjs "$node" # where node looks for packages
exec "$venv/bin/python" "$here/services.py" "$@"
