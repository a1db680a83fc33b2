#!/bin/sh
# Who may include whom: server -> api -> core, and one third-party library a file. Each row below
# names a folder, what its files may include in quotes, and the libraries they may use.
# Without arguments it looks at the repository it stands in; else at the folder given.
set -eu
cd "${1:-"$(dirname "$0")/.."}"

# shellcheck disable=SC2016 # the $ are awk's
find core api server tests -name '*.[ch]' | sort | xargs awk '
BEGIN {
    # The first row whose folder the file is in rules it; patterns are regular expressions.
    row("core/kernels/", "core/kernels/.*|core/activations\\.(h|def)|isa\\.inc", "")
    row("core/gather/", "core/[a-z_]*\\.(h|def)|core/gather/.*|core/kernels/kernels\\.h", "",
        "core/(pool|deadline)\\.h")
    row("core/layers/", "core/[a-z_]*\\.(h|def)|core/gather/(gather|channelwise)\\.h|core/layers/.*|core/kernels/kernels\\.h", "",
        "core/(pool|deadline)\\.h")
    row("core/plan/", "core/.*", "")
    row("core/", "core/.*", "")
    row("api/", "(api|core)/.*|[a-z_]*\\.inc", "jansson libpng freetype libdeflate")
    row("server/", "server/.*|api/[a-z_]*\\.h|core/(error|arena|budget|pool|deadline|decimal|limits|param|kernels/kernels|gather/gather|plan/(cache|fusion))\\.h|core/error\\.def|[a-z_]*\\.inc",
        "libmicrohttpd")
    row("tests/", "(core|api|server|tests)/.*|[a-z_]*\\.(h|inc)", "criterion libcurl jansson libpng libdeflate libmicrohttpd")

    library["jansson.h"] = "jansson"
    library["png.h"] = "libpng"
    library["ft2build.h"] = "freetype"
    library["libdeflate.h"] = "libdeflate"
    library["microhttpd.h"] = "libmicrohttpd"
    library["curl/curl.h"] = "libcurl"
    library["criterion/criterion.h"] = library["criterion/parameterized.h"] = "criterion"

    system_headers = "^(assert|ctype|errno|fcntl|dirent|fenv|float|getopt|inttypes|limits|locale|malloc|math|" \
        "dlfcn|netdb|poll|pthread|sched|semaphore|setjmp|signal|spawn|stdarg|stdatomic|stdbool|stddef|" \
        "stdint|stdio|stdlib|stdnoreturn|string|strings|time|unistd)\\.h$|^(sys|netinet|arpa)/|^(immintrin|arm_neon)\\.h$|" \
        "^sanitizer/asan_interface\\.h$"
}
function row(folder, may, libraries, never) {
    rows++
    folders[rows] = folder
    mays[rows] = "^(" may ")$"
    users[rows] = " " libraries " "
    nevers[rows] = never == "" ? "^$" : "^(" never ")$"
}
function fail(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text > "/dev/stderr"
    failed = 1
}
FNR == 1 {
    used = ""
    for (rule = 1; index(FILENAME, folders[rule]) != 1; rule++);
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, part, "\"")
    if (part[2] !~ mays[rule] || part[2] ~ nevers[rule])
        fail(folders[rule] " may not include \"" part[2] "\"")
}
/^[ \t]*#[ \t]*include[ \t]*</ {
    split($0, part, /[<>]/)
    name = library[part[2]]
    if (name == "") {
        if (part[2] !~ system_headers)
            fail("<" part[2] "> is no header of the C library, nor of a library this script knows")
    } else if (index(users[rule], " " name " ") == 0)
        fail(folders[rule] " may not use " name)
    else if (name != "criterion" && used != "" && used != name)
        fail(name " beside " used ": one third-party library a file")
    else if (name != "criterion")
        used = name
}
END { exit failed }
'
