#!/bin/bash
# The README's first two commands on a fresh Debian: a minimal root that has git, make and
# ca-certificates and no package lists, a clean clone of HEAD, `make test`, `make run`, and the main
# request against what it serves. Needs root and debootstrap; prints how long each took.
# Environment: RELEASE, which Debian (bookworm); TMPDIR, where the root goes (/var/tmp).
set -u
cd "$(dirname "$0")/../.." || exit 1

failed=0
release=${RELEASE:-bookworm}
base=${TMPDIR:-/var/tmp}/upsampled-base-$release
work=$(mktemp -d "${TMPDIR:-/var/tmp}/upsampled-fresh.XXXXXX")
root=$work/root
server=
finish() {
    [ -z "$server" ] || kill -- "-$server" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# Runs in the root with /proc and /dev of its own mount namespace: nothing stays mounted.
inside() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --fork sh -c '
        mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" || exit 1
        exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
            sh -c "$2"' sh "$root" "$1"
}

# timed TITLE COMMAND...
timed() {
    local -r title=$1 started=$SECONDS
    shift
    local result=passed
    "$@" || { result=FAILED; failed=1; }
    echo "=== $title: $result, $((SECONDS - started)) s"
}

make_root() {
    tests/container/base.sh "$release" "$base"
    cp -a "$base" "$root"
    inside 'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install \
        --no-install-recommends git make ca-certificates && rm -rf /var/lib/apt/lists/*' \
        >"$work/root.log" 2>&1 || { tail -n 20 "$work/root.log"; return 1; }
    git clone --quiet . "$root/root/upsampled"
}

serve_and_ask() {
    setsid bash -c "$(declare -f inside); root=$root; inside 'cd /root/upsampled && exec make run'" \
        >"$work/run.log" 2>&1 &
    server=$!
    local answer=
    for _ in $(seq 150); do
        answer=$(curl -sS -m 5 -d "$request" http://localhost:8080/upsample 2>/dev/null) && break
        sleep 0.2
    done
    echo "$answer"
    grep -q "$expected" <<<"$answer" || { tail -n 20 "$work/run.log"; return 1; }
}

request='{"input": [[0,1],[1,0]], "layer": {"class_name": "UpSampling2D", "config": {"size": 2}}}'
expected='"output": *\[\[0,0,1,1\],\[0,0,1,1\],\[1,1,0,0\],\[1,1,0,0\]\]'

if curl -sS -m 2 -o /dev/null http://localhost:8080/ 2>/dev/null; then
    echo "fresh-root.sh: something else is serving on port 8080" >&2
    exit 1
fi
timed "a fresh Debian root with git and make" make_root
[ "$failed" -eq 0 ] || exit 1
timed "make test" inside 'cd /root/upsampled && make test'
timed "make run, answering" serve_and_ask
[ "$failed" -eq 0 ]
