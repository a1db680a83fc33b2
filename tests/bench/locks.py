"""Files that are locked while something is measured, where others work as well."""

import fcntl
import time

SECONDS = 20


class Locks:
    """The files of --lock, held while something is measured, and given to others every now and then."""

    def __init__(self, paths):
        self.paths, self.files, self.since = paths, [], 0.0

    def take(self):
        if not self.files:
            self.files = [open(path, "a", encoding="utf-8") for path in self.paths]
            for file in self.files:
                fcntl.flock(file, fcntl.LOCK_EX)
            self.since = time.monotonic()

    def share(self):
        if self.files and time.monotonic() - self.since > SECONDS:
            for file in reversed(self.files):
                file.close()
            self.files = []


def option(parser):
    """--lock, for an argparse.ArgumentParser."""
    parser.add_argument("--lock", action="append", default=[],
                        help=f"a file to hold by flock, {SECONDS} seconds at a time, where others work as well")
