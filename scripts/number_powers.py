#!/usr/bin/env python3
"""Writes the powers of ten behind core/kernels/decimal.h and api/codec/number_read.c.

Run from the top of the tree: python3 scripts/number_powers.py
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
    """The fixed-point estimate of decimal.h."""
    return (q * 315653 - (131072 if irregular else 0)) >> 20


def floor_log2_pow10(k):
    """The fixed-point estimate of decimal.h."""
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
    return "".join("    " + ", ".join(cells[at:at + per_line]) + ",\n" for at in range(0, len(cells), per_line))


def table(head, cells, per_line):
    return f"{head} = {{\n{rows(cells, per_line)}}};\n"


def write(path, *parts):
    with open(path, "w") as file:
        file.write("/* Written by scripts/number_powers.py. */\n" + "\n".join(parts))


def main():
    check()
    first, last = -floor_log10_pow2(Q_MAX, False), -floor_log10_pow2(Q_MIN, False)
    powers = [scaled(k) for k in range(first, last + 1)]
    write("core/kernels/decimal_powers.inc",
          f"enum {{ SCALED_FIRST = {first} }};\n",
          "/* floor(10^k * 2^(63 - floor(log2 10^k))) + 1, from k = SCALED_FIRST on: its halves. */\n"
          + table(f"static const uint32_t scaled_low[{len(powers)}]", [f"0x{p & 0xffffffff:08x}" for p in powers], 8),
          table(f"static const uint32_t scaled_high[{len(powers)}]", [f"0x{p >> 32:08x}" for p in powers], 8))
    write("api/codec/number_powers.inc",
          f"enum {{ DECIMAL_MAX = {DECIMAL_MAX} }};\n",
          table("static const double decimal_power[DECIMAL_MAX + 1]", [f"1e{k}" for k in range(DECIMAL_MAX + 1)], 12),
          table(f"static const uint64_t power_of_ten[{WHOLE_MAX + 1}]", [str(10**k) for k in range(WHOLE_MAX + 1)], 5))


main()
