#!/bin/bash
# Makes a minimal Debian root as a folder, once: tests/container/base.sh RELEASE FOLDER. It gets this
# machine's ways of reaching Debian's packages (apt's configuration, the resolver's), because what
# runs in it later must not bring any of its own.
set -eu
release=$1
folder=$2

[ ! -e "$folder/.complete" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null; then
    echo "base.sh: making a Debian root needs root and debootstrap" >&2
    exit 1
fi
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
debootstrap --variant=minbase "$release" "$folder" >"$folder.log" 2>&1 || {
    tail -n 20 "$folder.log" >&2
    exit 1
}

if grep -qs "VERSION_CODENAME=$release" /etc/os-release; then
    rm -f "$folder/etc/apt/sources.list"
    for kind in sources.list.d/debian.sources sources.list apt.conf.d preferences.d keyrings; do
        [ ! -e "/etc/apt/$kind" ] || cp -a "/etc/apt/$kind" "$folder/etc/apt/$(dirname "$kind")/"
    done
fi
# Hooks of this machine's desktop tools have no place there.
rm -f "$folder"/etc/apt/apt.conf.d/{20packagekit,50appstream,70debconf}
cp -L /etc/resolv.conf "$folder/etc/resolv.conf"
rm -rf "$folder"/var/lib/apt/lists/* "$folder"/var/cache/apt/archives/*.deb
touch "$folder/.complete"
