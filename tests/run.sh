#!/bin/bash
# Runs test programs and adds up: tests/run.sh CRITERION_BINARY... [-- PLAIN_PROGRAM...]
#
# A Criterion binary tells its counts on stderr ("Synthesis: Tested: 3 | Passing: 2 | ..."); a plain
# program is one test, passed when it exits with 0. A binary that dies, hangs, tests nothing, prints
# no counts, or exits with an error although all passed (a leak) counts as a failure. What a test says
# it could not run ("NOT RUN: ...") is passed on. The last line is "N passed, N failed". Environment:
# TEST_TIMEOUT, seconds for one binary (600); TEST_EMULATOR, what runs it.
set -u

passed=0
failed=0

# count NAME PASSED FAILED LOG
count() {
    printf '  TEST  %-40s %5d passed, %d failed\n' "$1" "$2" "$3"
    passed=$((passed + $2))
    failed=$((failed + $3))
    if [ "$3" -eq 0 ]; then
        sed -n 's/^NOT RUN: /        not run: /p' "$4"
    else
        sed 's/^/        /' "$4"
    fi
}

run() {
    timeout --kill-after=10 "${TEST_TIMEOUT:-600}" ${TEST_EMULATOR:+"$TEST_EMULATOR"} "$1" >"$1.log" 2>&1 </dev/null
}

run_criterion() {
    run "$1"
    local -r status=$?
    local -r summary='s/.*Synthesis: Tested: \([0-9]*\) | Passing: \([0-9]*\) .*/\1 \2/p'
    local tested=0 good=0
    read -r tested good < <(sed -n "$summary" "$1.log" | tail -n 1)
    local bad=$((${tested:-0} - ${good:-0}))
    if [ "${tested:-0}" -eq 0 ] || { [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
        echo "$1 ended with status $status after ${tested:-0} tests" >>"$1.log"
        bad=$((bad + 1))
    fi
    count "$1" "${good:-0}" "$bad" "$1.log"
}

run_plain() {
    if run "$1"; then
        count "$1" 1 0 "$1.log"
    else
        echo "$1 ended with status $?" >>"$1.log"
        count "$1" 0 1 "$1.log"
    fi
}

kind=run_criterion
for program in "$@"; do
    if [ "$program" = -- ]; then
        kind=run_plain
    else
        $kind "$program"
    fi
done

if [ $((passed + failed)) -eq 0 ]; then
    echo "run.sh: no test was run" >&2
    failed=1
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
