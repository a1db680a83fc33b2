#!/bin/sh
# Text files as git knows them: no blanks at line ends, no tab but where a language wants it, a
# newline at the end, and no C file that has outgrown reading (550 lines).
set -u
status=0

report() { # report WHAT LINES
    [ -z "$2" ] && return
    printf 'check-text.sh: %s\n%s\n' "$1" "$2" >&2
    status=1
}

report "blanks at the end of a line" "$(git grep -nI '[[:blank:]]$' -- ':!*.md' ':!tests/golden' ':!tests/fuzz/corpus')"
report "a tab" "$(git grep -nIP '\t' -- ':!Makefile' ':!*.mk' ':!tests/golden' ':!tests/fuzz/corpus')"
report "no newline at the end" "$(git grep -lI '' -- ':!tests/golden' ':!tests/fuzz/corpus' |
    while read -r file; do [ -z "$(tail -c 1 "$file")" ] || echo "$file"; done)"
report "more than 550 lines" "$(git ls-files '*.c' '*.h' | while read -r file; do
    [ ! -e "$file" ] || [ "$(wc -l <"$file")" -le 550 ] || echo "$file"
done)"
exit $status
