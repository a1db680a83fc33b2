#!/usr/bin/env python3
"""Writes tests/unit/number_samples.inc: float32 values as numpy prints them.

Run from the top of the tree: python3 scripts/number_samples.py > tests/unit/number_samples.inc
"""
import numpy as np


def text(value):
    """numpy's shortest digits in JavaScript's notation (without the plus of its exponents)."""
    mantissa, exponent = np.format_float_scientific(value, unique=True, trim="-").split("e")
    sign = "-" if mantissa.startswith("-") else ""
    digits = mantissa.lstrip("-").replace(".", "").rstrip("0") or "0"
    point = int(exponent) + 1
    if digits == "0":
        return sign + "0"
    if len(digits) <= point <= 21:
        return sign + digits.ljust(point, "0")
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    fraction = "." + digits[1:] if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1}"


def main():
    rng = np.random.default_rng(8)
    edges = [e << 23 | m for e in range(0, 255, 6) for m in (0, 1, 0x7FFFFF)]
    chance = rng.integers(0, 1 << 32, 300, dtype=np.uint64)
    usual = (rng.random(200) * 2 - 1).astype(np.float32).view(np.uint32)
    bits = np.concatenate([np.array(edges), chance, usual]).astype(np.uint32)
    print("/* Written by scripts/number_samples.py. */")
    for b, value in zip(bits, bits.view(np.float32)):
        if np.isfinite(value):
            print(f'{{0x{b:08x}, "{text(value)}"}},')


main()
