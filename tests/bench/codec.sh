#!/bin/sh
# Runs codec.py with its arguments: codec.sh BENCH_CODEC [option...]. Makes a virtual environment
# when there is none, and a shared object of the C and C++ peers from the sources that two Python
# packages carry. What cannot be had is said, and measured by nobody.
set -eu
here=$(dirname "$0")
venv=build/codec-venv
sources=build/codec-peers
yyjson=yyjson==4.0.6 # yyjson 0.10.0
simdjson=pysimdjson==7.0.2 # simdjson 3.12.3

if ! cmp -s "$here/codec-requirements.txt" "$venv/requirements.txt"; then
    echo "Installing the peers into $venv" >&2
    python3 -m venv "$venv"
    grep -v '^#' "$here/codec-requirements.txt" | while read -r package; do
        "$venv/bin/pip" install --quiet "$package" >&2 || echo "Not installed: $package" >&2
    done
    cp "$here/codec-requirements.txt" "$venv/requirements.txt"
fi

peers_build() {
    mkdir -p "$sources"
    for package in "$yyjson" "$simdjson"; do
        "$venv/bin/pip" download --quiet --no-deps --no-binary :all: --dest "$sources" "$package" >&2 || return 1
    done
    for archive in "$sources"/*.tar.gz; do
        tar -xzf "$archive" -C "$sources" --strip-components=1
    done
    cc -O3 -fPIC -c -o "$sources/yyjson.o" "$sources/yyjson/yyjson.c" &&
        g++ -std=c++17 -O3 -fPIC -shared -I. -I"$sources/yyjson" -I"$sources/simdjson" -o "$sources/peers.so" \
            "$here/codec_peers.cpp" "$sources/simdjson/simdjson.cpp" "$sources/yyjson.o"
}
if ! cat "$here/codec_peers.cpp" "$here/codec_ways.h" "$0" | cmp -s - "$sources/built-from"; then
    echo "Building simdjson and yyjson" >&2
    rm -f "$sources/peers.so"
    if peers_build; then
        cat "$here/codec_peers.cpp" "$here/codec_ways.h" "$0" >"$sources/built-from"
    else
        echo "Not built, so not measured: simdjson, yyjson, std::to_chars" >&2
    fi
fi
exec "$venv/bin/python" "$here/codec.py" "$sources/peers.so" "$@"
