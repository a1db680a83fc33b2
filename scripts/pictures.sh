#!/bin/sh
# Makes docs/pictures: pastes the README's shell blocks, one after another, against a service of its
# own, so that a line of the README that does not work stops it.
# Usage: scripts/pictures.sh [BINARY]
set -eu
cd "$(dirname "$0")/.."
binary=$(realpath "${1:-build/release/upsampled}")
work=$(mktemp -d)
service=

finish() {
    [ -z "$service" ] || kill -INT "$service"
    rm -rf "$work"
}
trap finish EXIT

"$binary" --port 0 2>"$work/log" &
service=$!
port=
while [ -z "$port" ]; do
    kill -0 "$service" || exit 1
    sleep 0.1
    port=$(sed -n 's/.*"port": *\([0-9]*\).*/\1/p' "$work/log" | head -n 1)
done

mkdir "$work/pictures"
scripts/photo.py "$work/pictures/photo.png"
{
    echo 'curl() { command curl --silent --show-error --fail-with-body "$@" || exit 1; }'
    awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' README.md |
        sed "s/localhost:8080/127.0.0.1:$port/; s|=\.\./\.\./|=$PWD/|"
} >"$work/readme.sh"
(cd "$work/pictures" && sh -eu ../readme.sh)
if [ -d build/browser/node_modules ]; then # after make test-browser: the page's, too
    cp tests/browser/picture.mjs build/browser/
    (cd build/browser && node picture.mjs "http://127.0.0.1:$port" "$work/pictures/page.png")
fi

mkdir -p docs/pictures
cp "$work/pictures"/*.png docs/pictures/
