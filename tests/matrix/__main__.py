"""All cells on all cores: ``python -m matrix [--only WORD] [--details FILE] [--jobs N]``.

Ends in one line; the exit code is 1 where a cell is a traceback or wrong.
"""

import argparse
import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from matrix.worker import quiet, work

KINDS = ("right", "refused", "traceback", "wrong", "left")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="groups whose name has this word")
    parser.add_argument("--details", help="file for every cell that is not right")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    words = parser.parse_args()
    details = Path(words.details).absolute() if words.details else None
    quiet()
    from matrix.whole import groups

    chosen = [group for group in groups() if words.only in ": ".join(group)]
    found, seconds = [], {}
    with ProcessPoolExecutor(words.jobs, get_context("spawn"), initializer=quiet) as pool:
        for group, (some, taken) in zip(chosen, pool.map(work, chosen), strict=True):
            found, seconds[group] = found + some, taken
            print(f"\r{len(seconds)} of {len(chosen)} groups", end="", file=sys.stderr)
            if details:
                details.write_text(written(found))
    print(file=sys.stderr)
    slow = sorted(seconds, key=seconds.__getitem__)[-5:]
    print(report(found))
    print("slowest: " + ", ".join(f"{g[1]} {seconds[g]:.0f} s" for g in reversed(slow)))
    counts = Counter(cell.outcome.judged for cell in found)
    left = sum(cell.outcome.only_left for cell in found)
    only = f" ({left} only by what the call left behind)" if left else ""
    print(
        f"{len(found)} cells: {counts['right']} right, {counts['refused']} refused in words, "
        f"{counts['traceback']} tracebacks, {counts['wrong']} wrong{only}"
    )
    return int(counts["traceback"] + counts["wrong"] > 0)


def report(found: list[Any]) -> str:
    """A table by kind of cell, then what is not right, the most frequent first."""
    table: dict[str, Counter[str]] = {}
    for cell in found:
        name = f"{cell.axis}: {cell.subject.partition(':')[0] if cell.axis == 'model' else ''}"
        if cell.axis == "loader":
            name = f"loader: {cell.subject.partition(' @ ')[0]}"
        row = table.setdefault(name.rstrip(": "), Counter())
        row[cell.outcome.kind] += 1
        row["left"] += cell.outcome.only_left
    lines = [f"{'':38}" + "".join(f"{kind:>11}" for kind in KINDS)]
    lines += [f"{n:38}" + "".join(f"{row[kind]:11}" for kind in KINDS) for n, row in table.items()]
    said = Counter(c.outcome.message[:110] for c in found if c.outcome.kind == "traceback")
    reasons = Counter(
        why[:110] for c in found if c.outcome.kind == "wrong" for why in c.outcome.why
    )
    for kind, counted in (("tracebacks", said), ("wrong", reasons)):
        lines += [f"\n{kind}:"] if counted else []
        lines += [f"{number:6}  {why}" for why, number in counted.most_common(60)]
    return "\n".join(lines)


def written(found: list[Any]) -> str:
    lines = []
    for cell in found:
        one = cell.outcome
        if one.judged != "right":
            left = f"left {', '.join(one.left)}" if one.left else ""
            words = "; ".join(filter(None, [*one.why, one.message, left]))
            lines.append(f"{one.judged:10} {cell.axis} | {cell.subject} | {cell.method}: {words}")
            lines += [f"            {line}" for line in one.detail.rstrip().splitlines()[-8:]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
