#!/usr/bin/env python3
"""Draws docs/pictures/photo.png, the small photograph of the README: a lake in the evening.

The scene is computed, so the picture is ours. Needs nothing but Python itself.
Usage: scripts/photo.py FILE
"""
import math
import struct
import sys
import zlib

WIDTH, HEIGHT, SAMPLES = 64, 48, 4
HORIZON = 0.62


def mix(a, b, t):
    t = min(max(t, 0.0), 1.0)
    return tuple(p + (q - p) * t for p, q in zip(a, b))


def hills(x):
    return HORIZON - 0.10 - 0.07 * math.sin(5.1 * x + 0.6) - 0.03 * math.sin(13.0 * x)


def sky(x, y):
    colour = mix((0.13, 0.24, 0.50), (0.98, 0.66, 0.42), (y / HORIZON) ** 1.5)
    distance = math.hypot((x - 0.70) * WIDTH / HEIGHT, y - 0.30)
    if distance < 0.085:
        return (1.0, 0.95, 0.75)
    return mix((1.0, 0.85, 0.55), colour, distance / 0.45)


def house(x, y):
    """The colour of the house at a point, or None beside it."""
    left, right, top, bottom = 0.16, 0.33, 0.50, 0.68
    if top - 0.11 < y < top and abs(x - (left + right) / 2) < (y - top + 0.11) * 0.95:
        return (0.55, 0.16, 0.13)
    if not (left < x < right and top <= y < bottom):
        return None
    window = any(abs(x - c) < 0.022 and abs(y - 0.575) < 0.03 for c in (0.20, 0.29))
    return (1.0, 0.88, 0.45) if window else (0.88, 0.83, 0.74)


def scene(x, y):
    built = house(x, y)
    if built:
        return built
    if y > 0.66 + 0.05 * math.sin(3.0 * x) and x < 0.55 - (y - 0.66) * 0.9:
        return mix((0.16, 0.33, 0.14), (0.07, 0.16, 0.08), (y - 0.66) / 0.34)
    if y > HORIZON:
        ripple = 0.015 * math.sin(90.0 * y)
        return mix(sky(x + ripple, 2 * HORIZON - y), (0.10, 0.20, 0.33), 0.35 + (y - HORIZON))
    if y > hills(x):
        return mix((0.22, 0.27, 0.42), (0.14, 0.22, 0.24), (y - hills(x)) / 0.15)
    return sky(x, y)


def pixel(column, row):
    points = [(i + 0.5) / SAMPLES for i in range(SAMPLES)]
    colours = [scene((column + dx) / WIDTH, (row + dy) / HEIGHT) for dy in points for dx in points]
    means = [sum(channel) / len(colours) for channel in zip(*colours)]
    return bytes(round(255 * min(max(mean, 0.0), 1.0)) for mean in means)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def main():
    rows = (b"\0" + b"".join(pixel(x, y) for x in range(WIDTH)) for y in range(HEIGHT))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    with open(sys.argv[1], "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
        out.write(chunk(b"IDAT", zlib.compress(b"".join(rows), 9)) + chunk(b"IEND", b""))


if __name__ == "__main__":
    main()
