#!/usr/bin/env python3
"""Writes api/codec/number_powers.inc: the powers of ten behind api/codec/number_read.c and
number_write.c.

Run from the top of the tree: python3 scripts/number_powers.py > api/codec/number_powers.inc
"""
from fractions import Fraction

Q_MIN, Q_MAX = -149, 104  # binary exponents of float32, as c * 2^q with an integer c < 2^24
DECIMAL_MAX = 64          # powers that the reader multiplies and divides by
WHOLE_MAX = 18            # powers that are integers of 64 bits


def floor_log(base, value):
    """The largest n with base^n <= value."""
    n = 0
    while Fraction(base) ** (n + 1) <= value:
        n += 1
    while Fraction(base) ** n > value:
        n -= 1
    return n


def floor_log10_pow2(q, irregular):
    """The fixed-point estimate of number_write.c."""
    return (q * 315653 - (131072 if irregular else 0)) >> 20


def floor_log2_pow10(k):
    """The fixed-point estimate of number_write.c."""
    return (k * 217706) >> 16


def scaled(k):
    """10^k as 64 bits with the top one set, rounded up past the exact value."""
    return int(Fraction(10) ** k * Fraction(2) ** (63 - floor_log(2, Fraction(10) ** k))) + 1


def check():
    for q in range(Q_MIN, Q_MAX + 1):
        exact = Fraction(2) ** q
        assert floor_log10_pow2(q, False) == floor_log(10, exact), q
        assert floor_log10_pow2(q, True) == floor_log(10, exact * Fraction(3, 4)), q
    for k in range(-64, 65):
        assert floor_log2_pow10(k) == floor_log(2, Fraction(10) ** k), k


def rows(cells, per_line):
    for at in range(0, len(cells), per_line):
        print("    " + ", ".join(cells[at:at + per_line]) + ",")


def main():
    check()
    first, last = -floor_log10_pow2(Q_MAX, False), -floor_log10_pow2(Q_MIN, False)
    print("/* Written by scripts/number_powers.py. */")
    print(f"enum {{ SCALED_FIRST = {first}, DECIMAL_MAX = {DECIMAL_MAX} }};\n")
    print("/* floor(10^k * 2^(63 - floor(log2 10^k))) + 1, from k = SCALED_FIRST on */")
    print(f"static const uint64_t scaled_power[{last - first + 1}] = {{")
    rows([f"0x{scaled(k):016x}" for k in range(first, last + 1)], 4)
    print("};\n")
    print("static const double decimal_power[DECIMAL_MAX + 1] = {")
    rows([f"1e{k}" for k in range(DECIMAL_MAX + 1)], 12)
    print("};\n")
    print(f"static const uint64_t power_of_ten[{WHOLE_MAX + 1}] = {{")
    rows([str(10**k) for k in range(WHOLE_MAX + 1)], 5)
    print("};")


main()
