#!/usr/bin/env python3
"""Writes PNG files of every colour type, depth, filter and interlacing with the samples they hold:

    tests/unit/data/generate_png.py > tests/unit/data/png_samples.inc

The writer is zlib and the PNG specification, no PNG library; Pillow, where it can read a file as it
is, must agree. A row is SAMPLE(name, width, height, channels, max, bytes, "file", {samples})."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 9, 6  # every pass of Adam7 has pixels
GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_row(row, depth):
    """One row of samples, (width, channels), as bytes."""
    if depth == 16:
        return row.astype(">u2").tobytes()
    if depth == 8:
        return row.astype("u1").tobytes()
    bits = "".join(format(v, f"0{depth}b") for v in row.ravel())
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def paeth(a, b, c):
    p = a + b - c
    return min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]


def filter_row(kind, row, above, step):
    """PNG filter `kind` (0 to 4) of a row of bytes; `step` is the bytes of a pixel, at least 1."""
    out = bytearray([kind])
    for i, x in enumerate(row):
        a = row[i - step] if i >= step else 0
        b, c = above[i], above[i - step] if i >= step else 0
        out.append((x - [0, a, b, (a + b) // 2, paeth(a, b, c)][kind]) % 256)
    return bytes(out)


def scanlines(samples, depth):
    step = max(1, samples.shape[2] * depth // 8)
    above, out = None, b""
    for y, row in enumerate(samples):
        packed = pack_row(row, depth)
        out += filter_row(y % 5, packed, above or bytes(len(packed)), step)
        above = packed
    return out


def png(samples, colour, depth, interlaced, palette=None, trns=None):
    height, width, _ = samples.shape
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    parts = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7] if interlaced else [samples]
    data = zlib.compress(b"".join(scanlines(p, depth) for p in parts if p.size), 9)
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"gAMA", struct.pack(">I", 45455))
    if palette is not None:
        file += chunk(b"PLTE", palette.astype("u1").tobytes())
    if trns is not None:
        file += chunk(b"tRNS", trns)
    half = len(data) // 2
    return file + chunk(b"IDAT", data[:half]) + chunk(b"IDAT", data[half:]) + chunk(b"IEND", b"")


def expected(samples, colour, depth, palette, trns):
    """The samples as they are to be read: palettes looked up, transparency as alpha."""
    top = 65535 if depth == 16 else 255
    if colour == PALETTE:
        alpha = np.full(len(palette), 255)
        if trns is not None:
            alpha[: len(trns)] = list(trns)
            palette = np.column_stack([palette, alpha])
        return palette[samples[..., 0]], 255
    if trns is None:
        return samples, (1 << depth) - 1
    key = np.frombuffer(trns, ">u2").astype(int)
    alpha = np.where((samples == key).all(-1, keepdims=True), 0, top)
    scale = top // ((1 << depth) - 1)
    return np.concatenate([samples * scale, alpha], -1), top


def pillow_agrees(file, values, top):
    image = Image.open(io.BytesIO(file))
    if top != 255 or "transparency" in image.info or values.shape[2] == 2:
        return True
    image = image.convert({1: "L", 3: "RGB", 4: "RGBA"}[values.shape[2]])
    return (np.asarray(image).reshape(values.shape) == values).all()


def emit(name, file, values, top):
    assert pillow_agrees(file, values, top), name
    height, width, channels = values.shape
    octets = "".join(f"\\{b:03o}" for b in file)
    lines = [octets[i : i + 88] for i in range(0, len(octets), 88)]
    print(f"SAMPLE({name}, {width}, {height}, {channels}, {top}, {len(file)},")
    print("\n".join(f'       "{line}"' for line in lines) + ",")
    flat = [str(v) for v in values.ravel()]
    rows = [", ".join(flat[i : i + 12]) for i in range(0, len(flat), 12)]
    print("       {" + ",\n        ".join(rows) + "})")


def main():
    rng = np.random.default_rng(7)
    names = {GRAY: "gray", RGB: "rgb", PALETTE: "palette", GRAY_ALPHA: "gray_alpha", RGBA: "rgba"}
    depths = {GRAY: [1, 2, 4, 8, 16], RGB: [8, 16], PALETTE: [1, 2, 4, 8], GRAY_ALPHA: [8, 16], RGBA: [8, 16]}
    print("/* Written by tests/unit/data/generate_png.py. */")
    for colour in names:
        for depth in depths[colour]:
            for interlaced in (False, True):
                for transparent in (False, True) if colour in (GRAY, RGB, PALETTE) else (False,):
                    samples = rng.integers(0, 1 << depth, (HEIGHT, WIDTH, CHANNELS[colour]))
                    samples[0, 0], samples[-1, -1] = 0, (1 << depth) - 1
                    palette = rng.integers(0, 256, (1 << depth, 3)) if colour == PALETTE else None
                    trns = None
                    if transparent and colour == PALETTE:
                        trns = bytes(rng.integers(0, 256, (1 << depth) // 2 + 1, dtype="u1")[: 1 << depth])
                    elif transparent:
                        trns = samples[2, 3].astype(">u2").tobytes()
                    name = names[colour] + str(depth) + "_trns" * transparent + "_interlaced" * interlaced
                    file = png(samples, colour, depth, interlaced, palette, trns)
                    emit(name, file, *expected(samples, colour, depth, palette, trns))


main()
