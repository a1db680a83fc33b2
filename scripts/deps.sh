#!/bin/sh
# Installs what is missing: scripts/deps.sh build [test] [check] [fuzz] [browser] [conformance] [bench] [arm64]
#
# Each row says how to see that a thing is there and which package of Debian and Ubuntu brings it.
# It looks for the thing and not for the package, so a system of another kind that has everything
# passes too; only installing is for apt-get. Nothing is printed when nothing is missing.
set -eu

rows() {
    case $1 in
    build)
        echo 'gcc            command -v gcc || command -v clang'
        echo 'libc6-dev      test -e /usr/include/stdio.h'
        echo 'make           command -v make'
        echo 'pkg-config     command -v pkg-config'
        echo 'libmicrohttpd-dev  pkg-config --exists libmicrohttpd'
        echo 'libjansson-dev     pkg-config --exists jansson'
        echo 'libpng-dev         pkg-config --exists libpng'
        echo 'libdeflate-dev     pkg-config --exists libdeflate'
        echo 'libfreetype-dev    pkg-config --exists freetype2'
        echo 'fonts-dejavu-core  test -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf'
        ;;
    test)
        echo 'libcriterion-dev      test -e /usr/include/criterion/criterion.h'
        echo 'libcurl4-openssl-dev  pkg-config --exists libcurl'
        ;;
    check)
        echo 'clang         command -v clang'
        echo 'clang-format  command -v clang-format'
        echo 'clang-tidy    command -v clang-tidy'
        echo 'shellcheck    command -v shellcheck'
        ;;
    fuzz)
        echo 'clang            command -v clang'
        # shellcheck disable=SC2016 # expanded when the test runs
        echo 'libclang-rt-dev  ls "$(clang -print-resource-dir)"/lib/*/libclang_rt.fuzzer*'
        ;;
    browser)
        echo 'chromium  command -v chromium'
        echo 'nodejs    command -v node'
        echo 'npm       command -v npm'
        ;;
    conformance)
        echo 'python3-venv  python3 -c "import ensurepip, venv"'
        ;;
    bench)
        echo 'g++     command -v g++'
        echo 'wrk     command -v wrk'
        echo 'nodejs  command -v node'
        echo 'npm     command -v npm'
        ;;
    arm64)
        echo 'gcc-aarch64-linux-gnu  command -v aarch64-linux-gnu-gcc'
        echo 'qemu-user-static       command -v qemu-aarch64-static'
        echo 'clang                  command -v clang'
        ;;
    *)
        echo "deps.sh: '$1' is none of build, test, check, fuzz, browser, conformance, bench, arm64" >&2
        exit 2
        ;;
    esac
}

# The packages of the rows whose test fails, in one line.
missing() {
    for group in "$@"; do
        rows "$group"
    done | while read -r package test; do
        sh -c "$test" >/dev/null 2>&1 || printf '%s ' "$package"
    done
}

for group in "$@"; do
    rows "$group" >/dev/null
done
packages=$(missing "$@")
[ -n "$packages" ] || exit 0
echo "Missing packages: $packages"

if ! command -v apt-get >/dev/null; then
    echo "deps.sh: this system has no apt-get (it is neither Debian nor Ubuntu):" \
        "install what brings the packages above, then run make again." >&2
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    sudo=
elif command -v sudo >/dev/null; then
    sudo=sudo
else
    echo "deps.sh: installing needs root, and there is no sudo here: as root, run" \
        "'apt-get update && apt-get install $packages', then run make again." >&2
    exit 1
fi

# Other sources of this machine may be out of reach while the distribution's own are fine.
echo "Installing them with apt-get."
$sudo apt-get -qq -o DPkg::Lock::Timeout=300 update ||
    echo "deps.sh: apt-get update had errors; going on with the lists there are." >&2
# shellcheck disable=SC2086 # a list of words
$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
    -o Dpkg::Use-Pty=0 install --no-install-recommends $packages >/dev/null

packages=$(missing "$@")
if [ -n "$packages" ]; then
    echo "deps.sh: still missing after the installation: $packages" >&2
    exit 1
fi
