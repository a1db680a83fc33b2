#!/bin/sh
# Prints the share of lines that the tests ran, for each source file and for all of them, from the
# counters under a folder of objects: scripts/coverage.sh build/coverage
set -eu
find "$1" -name '*.gcda' ! -path '*/tests/*' -exec gcov --no-output {} + 2>/dev/null |
    awk '
        /^File / { file = substr($2, 2, length($2) - 2) }
        /^Lines executed:/ && file ~ /^(core|api|server)\// {
            split($2, part, /[:%]/)
            ran = part[2] / 100 * $4 # kernels come once for each instruction set: the best counts
            best[file] = ran > best[file] ? ran : best[file]
            lines[file] = $4 > lines[file] ? $4 : lines[file]
            file = ""
        }
        END {
            for (file in lines) {
                printf "%6.1f %%  %5d lines  %s\n", 100 * best[file] / lines[file], lines[file], file |
                    "sort -k 5"
                ran_all += best[file]
                all += lines[file]
            }
            close("sort -k 5")
            printf "%6.1f %%  %5d lines  all\n", 100 * ran_all / all, all
        }'
