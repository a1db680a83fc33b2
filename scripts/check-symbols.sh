#!/bin/sh
# Exported names say where they come from: up_ in core, api_ in api, srv_ in server; and every layer
# (a vtable named up_layer_...) has its row in layers.def. Argument: the folder of the objects.
set -eu
build=$1
status=0

# Names that the objects of a folder define for others: symbols FOLDER [TYPES]
symbols() {
    find "$build/$1" -name '*.o' -exec nm --defined-only --extern-only --no-sort {} + |
        awk -v types="${2:-.}" 'NF == 3 && $2 ~ types { print $3 }'
}

# prefixed FOLDER PREFIX
prefixed() {
    bad=$(symbols "$1" | grep -v -x -e "$2.*" -e main | sort -u || true)
    if [ -n "$bad" ]; then
        echo "check-symbols.sh: $1 exports names without the prefix $2:" "$bad" >&2
        status=1
    fi
}
prefixed core up_
prefixed api api_
prefixed server srv_

for layer in $(symbols core/layers '[RDB]' | sed -n 's/^up_layer_//p'); do
    if ! grep -q "^LAYER($layer)" core/layers/layers.def; then
        echo "check-symbols.sh: up_layer_$layer has no row in core/layers/layers.def" >&2
        status=1
    fi
done
exit $status
