#!/usr/bin/env python3
"""Writes api/figure/colormaps.inc from matplotlib's colour maps: scripts/colormaps.py > the file."""

import matplotlib

NAMES = """viridis plasma inferno magma cividis gray bone hot turbo coolwarm bwr seismic RdBu RdBu_r
           twilight jet Spectral""".split()


def main():
    print(f"/* Made by scripts/colormaps.py from matplotlib {matplotlib.__version__}. */")
    for name in NAMES:
        rgb = matplotlib.colormaps[name].resampled(256)(range(256), bytes=True)[:, :3]
        colours = [f"{{{r}, {g}, {b}}}" for r, g, b in rgb]
        lines = [", ".join(colours[i : i + 5]) for i in range(0, 256, 5)]
        print(f"MAP({name},\n    " + ",\n    ".join(lines) + ")")


main()
