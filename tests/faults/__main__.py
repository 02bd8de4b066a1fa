"""Faults, kills, hostile archives and fuzz: ``python -m faults [--seed N] [--share X] [--only W]``.

Prints a table of figures; the exit code is 1 where anything did not hold.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from faults.parts import parts, work
from faults.tally import table

ROOM = "/dev/shm"  # a store syncs every file: on a disk that takes most of the time


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 16))
    parser.add_argument("--share", type=float, default=1.0, help="of the cases")
    parser.add_argument("--only", default="", help="parts whose name has this word")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    words = parser.parse_args()
    print(f"to draw the same cases again: make faults SEED={words.seed}", flush=True)
    begin, found = time.monotonic(), []
    room = ROOM if os.access(ROOM, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="faults", dir=room) as folder:
        os.environ["TMPDIR"] = folder
        chosen = [part for part in parts() if words.only in " ".join(part)]
        with ProcessPoolExecutor(words.jobs, get_context("spawn")) as pool:
            due = [pool.submit(work, part, folder, words.seed, words.share) for part in chosen]
            for number, one in enumerate(as_completed(due), 1):
                found += one.result()
                print(f"\r{number} of {len(due)} parts", end="", file=sys.stderr)
    print(file=sys.stderr)
    found.sort(key=lambda one: one.part)
    print(table(found))
    for note in [note for one in found for note in one.notes][:60]:
        print(note)
    print(f"{time.monotonic() - begin:.0f} s")
    return int(any(one.faults.total() for one in found))


if __name__ == "__main__":
    sys.exit(main())
