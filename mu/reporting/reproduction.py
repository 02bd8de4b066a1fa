"""What came of repeating a run: files of every number, and a short account in the terminal."""

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mu.results.format import printable
from mu.results.reproduced import COST, MISSING, OPEN, OUTSIDE, SAME, WORDS, Number
from mu.storing.whole_files import write_text
from mu.trust.cells import csv_cell

WORST = 8


def write_comparison(numbers: Sequence[Number], said: Sequence[str], out: Path) -> None:
    """Write reproduction.csv, one line a number, and reproduction.json with the counts besides."""
    out.mkdir(parents=True, exist_ok=True)
    records = [number.record() for number in numbers]
    sink = io.StringIO()
    fields = list(records[0]) if records else ["score"]
    writer = csv.DictWriter(sink, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: csv_cell(v) for k, v in record.items()} for record in records)
    write_text(out / "reproduction.csv", sink.getvalue())
    counts = Counter(number.word for number in numbers)
    content = {"schema": 1, "counts": counts, "notes": list(said), "numbers": records}
    write_text(out / "reproduction.json", json.dumps(content, indent=1) + "\n")


def print_comparison(numbers: Sequence[Number], said: Sequence[str]) -> None:
    """Counts by method and by score, the worst deviations, costs, notes; at most 80 columns."""
    judged = [number for number in numbers if number.word != COST]
    moved = sorted((n for n in judged if n.word != SAME), key=lambda n: -n.badness)
    print()
    print_counts("method", judged, list(dict.fromkeys(n.method for n in judged)))
    print_counts("score", judged, list(dict.fromkeys(n.score for n in judged if n.word != SAME)))
    print(f"{'all':<24}" + _counts(judged))
    if moved:
        print(f"\n{'largest deviations':<40}{'original':>10}{'now':>10}{'allowed':>9}  word")
    for number in moved[:WORST]:
        values = f"{_short(number.original):>10}{_short(number.found):>10}"
        print(f"{_name(number)[:39]:<40}{values}{_short(number.allowed):>9}  {number.word[:10]}")
    print_costs(numbers)
    for note in said:
        print(f"note: {note}")
    for line in conclusion(judged):
        print(line)


def print_counts(field: str, judged: Sequence[Number], labels: Sequence[str]) -> None:
    """How many numbers under each label have which word; nothing where there is no label."""
    if not labels:
        return
    print(f"{field:<24}" + "".join(f"{word:>11}" for word in WORDS))
    for label in labels:
        group = [number for number in judged if getattr(number, field) == label]
        print(f"{printable(label)[:23]:<24}" + _counts(group))
    print()


def _counts(group: Sequence[Number]) -> str:
    count = Counter(number.word for number in group)
    return "".join(f"{count[word] or '':>11}" for word in WORDS).rstrip()


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _name(number: Number) -> str:
    step = f" {number.step + 1}" if number.step else ""
    pair = "mean" if number.pair is None else f"pair {number.pair}"
    return printable(f"{number.score} {number.method} {number.request}{step} {pair}")


def print_costs(numbers: Sequence[Number]) -> None:
    """Seconds then and now, summed over all rows: shown, not judged."""
    for score in dict.fromkeys(n.score for n in numbers if n.word == COST and n.pair is not None):
        costs = [(n.original, n.found) for n in numbers if n.score == score and n.pair is not None]
        both = [(a, b) for a, b in costs if a is not None and b is not None]
        then, now = map(sum, zip(*both, strict=True)) if both else (0, 0)
        if then or now:
            print(f"{printable(score)}: {then:.1f} then, {now:.1f} now (not judged)")


def conclusion(judged: Sequence[Number]) -> list[str]:
    """What the counts mean, in lines."""
    count = Counter(number.word for number in judged)
    lines = []
    if count[OPEN]:
        lines.append(f"{count[OPEN]} numbers have no interval and no margin; name --tolerance")
    bad = count[OUTSIDE] + count[MISSING]
    if not bad:
        good = len(judged) - count[OPEN]
        return [*lines, f"reproduced: {good} of {len(judged)} numbers"]
    strict = [n for n in judged if n.word == OUTSIDE and n.allowed == 0]
    if strict:
        lines.append(
            f"{len(strict)} should be the same bits: versions and device agree. Another processor "
            "of\nthe same kind may round differently: --elsewhere judges by intervals"
        )
    return [*lines, f"not reproduced: {bad} of {len(judged)} numbers"]
