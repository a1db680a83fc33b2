#!/bin/bash
# Builds docker/Dockerfile for real and asks the container that runs it. There need be no Docker
# engine and no image registry: buildah builds on a base image made by debootstrap, podman runs the
# result as Docker would (read-only root, no capabilities, another user). Needs root. Ends with
# "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1

for tool in debootstrap buildah podman runc curl; do
    command -v "$tool" >/dev/null || { echo "test-container.sh: $tool is missing" >&2; exit 1; }
done

base=docker.io/library/debian:bookworm-slim
image=localhost/upsampled:test
name=upsampled-test-$$
port=${PORT:-$((20000 + RANDOM % 10000))}
storage=overlay
passed=0
failed=0

# Without systemd podman cannot set a health check's timer, and says so as an error: hence fatal.
pod() { podman --log-level fatal --storage-driver "$storage" "$@"; }
build() { buildah --storage-driver "$storage" "$@"; }
finish() { pod rm -f "$name" >/dev/null 2>&1; }
trap finish EXIT

# check SENTENCE COMMAND...
check() {
    local -r sentence=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "  PASS  $sentence"
    else
        failed=$((failed + 1))
        echo "  FAIL  $sentence"
    fi
}

make_base() {
    build inspect --type image "$base" >/dev/null 2>&1 && return
    local -r root=${TMPDIR:-/var/tmp}/upsampled-base-bookworm
    tests/container/base.sh bookworm "$root" || return
    local container
    container=$(build from scratch) && build add "$container" "$root" / >/dev/null &&
        build config --cmd bash "$container" && build commit --quiet "$container" "$base" >/dev/null
    local -r status=$?
    build rm "$container" >/dev/null
    return $status
}

build_image() {
    build bud --quiet --format docker --isolation chroot --pull=never \
        --build-arg "COMMIT=$(git rev-parse --short=12 HEAD)" -f docker/Dockerfile -t "$image" .
}

inspect() { pod image inspect --format "$1" "$image"; }
get() { curl -sS -m 10 "$@"; }
answers() { # answers EXPECTED CURL_ARGUMENT...
    local -r expected=$1
    shift
    get "$@" | grep -q "$expected"
}

start() {
    pod run --detach --name "$name" --runtime runc --network=host --read-only \
        --cap-drop=all --security-opt=no-new-privileges --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
        --env UPSAMPLED_PORT="$port" --env UPSAMPLED_DRAIN_DELAY=1s "$image" >/dev/null || return
    for _ in $(seq 50); do
        [ "$(pod inspect --format '{{.State.Running}}' "$name")" = true ] || break # the port is taken
        get -o /dev/null -f "http://localhost:$port/readyz" 2>/dev/null && return
        sleep 0.2
    done
    pod logs "$name"
    return 1
}

stops_cleanly() {
    pod stop --time 20 "$name" >/dev/null && [ "$(pod wait "$name")" = 0 ]
}

in_the_image() { # the paths of the image, one a line
    local container mount
    container=$(build from --pull-never "$image") && mount=$(build mount "$container") &&
        (cd "$mount" && find . -type f)
    build rm "$container" >/dev/null
}

request='{"input": [[0,1],[1,0]], "layer": {"class_name": "UpSampling2D", "config": {"size": 2}}}'
rows='\[\[0,0,1,1\],\[0,0,1,1\],\[1,1,0,0\],\[1,1,0,0\]\]'
url=http://localhost:$port

check "the base image is there" make_base
check "the image builds" build_image
check "it is small: $(($(inspect '{{.Size}}') / 1000000)) MB of 40" test "$(inspect '{{.Size}}')" -lt 40000000
check "its user is a number and not root" test "$(inspect '{{.Config.User}}')" = 10001:10001
check "it stops by SIGTERM" test "$(inspect '{{.Config.StopSignal}}')" = SIGTERM
check "it has a health check" grep -q -- --healthcheck <<<"$(inspect '{{.Config.Healthcheck.Test}}')"
check "it has the service and no shell" \
    test "$(in_the_image | grep -E '/bin/|sh$|/(dpkg|apt)')" = ./usr/local/bin/upsampled
check "it starts, read-only and without capabilities" start
check "it upsamples" answers "\"output\": *$rows" -d "$request" "$url/upsample"
check "it draws" answers PNG -d "$request" "$url/upsample?format=png" --output -
check "it serves the page" answers '<html' "$url/"
check "its own probe finds it healthy" pod exec "$name" upsampled --healthcheck
check "the engine's health check agrees" pod healthcheck run "$name"
check "it runs as 10001" grep -q '^Uid:.10001' "/proc/$(pod inspect --format '{{.State.Pid}}' "$name")/status"
check "it drains and exits with 0 on SIGTERM" stops_cleanly
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
