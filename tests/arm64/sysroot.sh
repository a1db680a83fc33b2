#!/bin/bash
# Makes a folder of what a program for 64-bit Arm is built and run with: tests/arm64/sysroot.sh FOLDER.
# It holds Debian's arm64 packages of the C library and of what the project links, unpacked and not
# installed: no root is needed, and the machine's own packages stay as they are. Made once.
set -eu
root=$1
packages="libc6-dev libmicrohttpd-dev libjansson-dev libpng-dev libdeflate-dev libfreetype-dev
    libcriterion-dev libcurl4-openssl-dev"

# Another list of packages is another root.
[ "$(cat "$root/.complete" 2>/dev/null)" != "$packages" ] || exit 0
rm -rf "$root"
mkdir -p "$root"/usr/{lib,bin,sbin} "$root"/apt/{sources,lists/partial,cache/archives/partial}
root=$(cd "$root" && pwd)
ln -s usr/lib usr/bin usr/sbin "$root/"

# An apt of its own, with nothing installed, and the machine's sources for Debian only: others may
# have nothing for this architecture.
for sources in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
    [ ! -e "$sources" ] || cp "$sources" "$root/apt/sources/"
done
[ ! -e "$root/apt/sources/sources.list" ] || mv "$root/apt/sources/sources.list"{,.list}
touch "$root/apt/status"
apt() {
    apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Acquire::Languages=none \
        -o Dir::State="$root/apt" -o Dir::State::status="$root/apt/status" -o Debug::NoLocking=true \
        -o Dir::Cache="$root/apt/cache" -o Dir::Etc::SourceList=/dev/null \
        -o Dir::Etc::SourceParts="$root/apt/sources" -o APT::Sandbox::User=root "$@"
}
echo "  ROOT  $root"
apt update
# shellcheck disable=SC2086 # a list of words
apt -y --no-install-recommends --download-only install $packages >/dev/null

for package in "$root"/apt/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$root"
done
find "$root" -type l -lname '/*' | while read -r link; do
    ln -sf "$root$(readlink "$link")" "$link"
done
rm -rf "$root/apt"
echo "$packages" >"$root/.complete"
