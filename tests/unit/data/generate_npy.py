#!/usr/bin/env python3
"""Writes NumPy files of every dtype, order and version with the values they hold:

    tests/unit/data/generate_npy.py > tests/unit/data/npy_samples.inc

A row is SAMPLE(name, rank, {shape}, bytes, "file", {values as the bits of float32})."""

import io

import numpy as np

SHAPE = (2, 3)


def emit(name, array, version=(1, 0)):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version=version)
    file = stream.getvalue()
    octets = "".join(f"\\{b:03o}" for b in file)
    lines = [octets[i : i + 88] for i in range(0, len(octets), 88)]
    bits = [f"0x{b:08x}" for b in array.astype(np.float32).ravel().view(np.uint32)]
    print(f"SAMPLE({name}, {array.ndim}, {{{', '.join(map(str, array.shape or (1,)))}}}, {len(file)},")
    print("\n".join(f'       "{line}"' for line in lines) + ",")
    print("       {" + ", ".join(bits or ["0"]) + "})")


def values(kind, size):
    """Six values with both ends of the type and, for wide types, some that float32 must round."""
    if kind == "b":
        return [True, False, False, True, True, False]
    if kind == "f":
        tiny = {2: 6e-8, 4: 1e-45, 8: 1.1754943508222875e-38}[size]
        return [0.1, -0.0, float("inf"), -float("inf"), {2: 65504, 4: 3.4e38, 8: 16777217.0}[size], tiny]
    info = np.iinfo(f"{kind}{size}")
    return [info.min, info.max, 0, 1, info.max // 3, info.max - 1]


def main():
    print("/* Written by tests/unit/data/generate_npy.py. */")
    for kind, sizes in {"f": (2, 4, 8), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "b": (1,)}.items():
        for size in sizes:
            for order, word in {"<": "little", ">": "big"}.items() if size > 1 else {"|": "byte"}.items():
                dtype = np.dtype(f"{order}{kind}{size}")
                emit(f"{kind}{size}_{word}", np.array(values(kind, size), dtype=dtype).reshape(SHAPE))
    ramp = np.arange(24, dtype="<f4")
    emit("fortran", np.asfortranarray(ramp.reshape(2, 3, 4)))
    emit("fortran_big", np.asfortranarray(ramp.astype(">i2").reshape(4, 3, 2)))
    emit("version2", ramp.reshape(4, 6), (2, 0))
    emit("version3", ramp.reshape(4, 6), (3, 0))
    emit("scalar", np.array(2.5, dtype="<f4"))
    emit("vector", ramp)
    emit("empty", np.zeros((3, 0, 2), dtype="<f4"))
    emit("eight_axes", ramp.reshape(1, 2, 1, 3, 1, 4, 1, 1))


main()
