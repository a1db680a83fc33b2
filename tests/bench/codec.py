"""The codecs beside other libraries, as Markdown.

    codec.py PEERS.so BENCH_CODEC [--turns N] [--only WORD]

Draws what is coded, starts bench_codec and adds the ways that are Python's. In every turn each way
of each subject has its go, one after the other, so that what slows the machine slows them all; a
figure is the median of the turns, a ratio that of the turns' own ratios.
"""

import argparse
import io
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

FOLDER = pathlib.Path("build/codec-data")
SIDE, PICTURE_SIDE = 512, 1024


def subjects():
    """The numbers, and the indices of palette pictures, by bench_codec's names."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[0:PICTURE_SIDE, 0:PICTURE_SIDE] / PICTURE_SIDE
    smooth = np.sin(7 * x + 3 * y) + np.cos(5 * y * x) + np.sin(11 * (x - 0.4) ** 2 + 9 * (y - 0.6) ** 2)
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min()) * 255
    small = random.uniform(-1, 1, (SIDE // 2, SIDE // 2))
    numbers = {"uniform": random.uniform(-1, 1, (SIDE, SIDE)), "integers": random.integers(0, 256, (SIDE, SIDE)),
               "nearest": small.repeat(2, 0).repeat(2, 1)}
    pictures = {"smooth": smooth.round(), "noisy": random.integers(0, 256, (PICTURE_SIDE, PICTURE_SIDE)),
                "upsampled": random.integers(0, 256, (32, 32)).repeat(32, 0).repeat(32, 1)}
    return ({k: v.astype(np.float32) for k, v in numbers.items()}, {k: v.astype(np.uint8) for k, v in pictures.items()})


def palette():
    """256 colours in a row; which ones makes no difference."""
    ramp = np.arange(256)
    return np.stack([ramp, 255 - ramp, ramp * 7 % 256], 1).astype(np.uint8)


def picture_ways(pixels):
    """What Python's libraries make of the picture: name, function that returns the file."""
    colours = palette()
    try:
        from PIL import Image, __version__
        image = Image.fromarray(pixels, "L")
        image.putpalette(colours.tobytes())

        def pillow(**options):
            file = io.BytesIO()
            image.save(file, "PNG", **options)
            return file.getvalue()
        yield f"Pillow {__version__}", pillow
        yield f"Pillow {__version__}, level 1", lambda: pillow(compress_level=1)
    except ImportError as why:
        print(why, file=sys.stderr)
    try:
        import cv2
        image_bgr = np.ascontiguousarray(colours[pixels][:, :, ::-1])
        yield f"OpenCV {cv2.__version__}, RGB", lambda: cv2.imencode(".png", image_bgr)[1]
        yield f"OpenCV {cv2.__version__}, gray", lambda: cv2.imencode(".png", pixels)[1]
    except ImportError as why:
        print(why, file=sys.stderr)
    try:
        import matplotlib
        import matplotlib.image

        def imsave():
            file = io.BytesIO()
            matplotlib.image.imsave(file, pixels, cmap="viridis", format="png")
            return file.getvalue()
        yield f"matplotlib {matplotlib.__version__} imsave, RGBA", imsave
    except ImportError as why:
        print(why, file=sys.stderr)


def timed(run):
    run()
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, len(result)


class Program:
    """bench_codec, and its ways by number."""

    def __init__(self, binary, peers):
        arguments = [binary, FOLDER] + ([peers] if pathlib.Path(peers).exists() else [])
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ways = []
        while line := self.process.stdout.readline().rstrip("\n"):
            self.ways.append(tuple(line.split("\t")))

    def timed(self, number):
        print(number, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().split()
        if not answer:
            sys.exit("bench_codec has ended")
        return float(answer[0]), int(answer[1])


def table(subject, rows, count):
    ours = rows["ours"]
    print(f"\n| {subject} | ms | ns a {'pixel' if subject.startswith('png') else 'number'} | bytes | times as long as ours |\n"
          "|---|---|---|---|---|")
    for name, (seconds, size) in rows.items():
        middle = statistics.median(seconds)
        ratio = statistics.median(theirs / our for theirs, our in zip(seconds, ours[0]))
        print(f"| {name} | {middle * 1e3:.2f} | {middle / count * 1e9:.1f} | {size or '-'} | "
              f"{'' if name == 'ours' else f'{ratio:.2f}'} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("peers")
    parser.add_argument("binary")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--only", default="", help="a part of the subjects' names: read, png smooth")
    arguments = parser.parse_args()
    numbers, pictures = subjects()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, data in (numbers | pictures | {"palette": palette()}).items():
        (FOLDER / name).write_bytes(data.tobytes())
    program = Program(arguments.binary, arguments.peers)
    ways = [(subject, name, lambda n=number: program.timed(n)) for number, (subject, name) in enumerate(program.ways)]
    ways += [(f"png {picture}", name, lambda run=run: timed(run))
             for picture, pixels in pictures.items() for name, run in picture_ways(pixels)]
    ways = [way for way in ways if arguments.only in way[0]]
    taken = {}
    for _ in range(arguments.turns):
        for subject, name, run in ways:
            seconds, size = run()
            row = taken.setdefault(subject, {}).setdefault(name, ([], size))
            row[0].append(seconds)
    for subject, rows in taken.items():
        table(subject, rows, PICTURE_SIDE**2 if subject.startswith("png") else SIDE**2)


main()
