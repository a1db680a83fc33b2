#!/bin/sh
# Copies the shared libraries of a program, its dynamic loader too, to where the loader looks for
# them below another root, with their licences: scripts/copy-libraries.sh PROGRAM ROOT
set -eu
program=$1
root=$2

libraries=$(ldd "$program" | grep -o '/[^ ]*')
for library in $libraries; do
    install -D -m 755 "$library" "$root$library"
    package=$(dpkg-query --search "*/$(basename "$(readlink -f "$library")")" | sed 's/[:,].*//;q')
    install -D -m 644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
done
