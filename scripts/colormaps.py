#!/usr/bin/env python3
"""Writes api/figure/colormaps.inc from matplotlib's colour maps: scripts/colormaps.py > the file."""

import matplotlib

SEQUENTIAL = """viridis plasma inferno magma cividis gray bone hot turbo twilight jet copper Greys
                Blues Greens Reds YlGnBu YlOrRd""".split()
DIVERGING = """coolwarm bwr seismic RdBu Spectral PiYG PRGn BrBG PuOr RdGy RdYlBu
               RdYlGn""".split()


def main():
    print(f"/* Made by scripts/colormaps.py from matplotlib {matplotlib.__version__}. */")
    for name in SEQUENTIAL + DIVERGING:
        rgb = matplotlib.colormaps[name].resampled(256)(range(256), bytes=True)[:, :3]
        colours = [f"{{{r}, {g}, {b}}}" for r, g, b in rgb]
        lines = [", ".join(colours[i : i + 5]) for i in range(0, 256, 5)]
        kind = "true" if name in DIVERGING else "false"
        print(f"MAP({name}, {kind},\n    " + ",\n    ".join(lines) + ")")


main()
