"""Writes the generated parts of README.md anew: lists of what is in, and tables of results.

A part stands between two comments. ``<!-- list:method -->`` … ``<!-- /list -->`` gets the choices
of ``configs/method``. ``<!-- results:NAME -->`` … ``<!-- /results -->`` gets the headline scores of
``experiments/NAME/results.json`` and the pictures beside it; without that file it stays as it is.
"""

import re
import sys
from pathlib import Path
from typing import Any

from mu.choices import choices, summary
from mu.reporting.format import mean_interval, share
from mu.reporting.layout import sections, shown
from mu.reporting.report import read_results
from mu.reporting.results import tabulated
from mu.reporting.section import Section

TOP = Path(__file__).parents[1]
PART = re.compile(r"(<!-- (list|results):(\w+) -->\n)(.*?)(<!-- /\2 -->)", re.DOTALL)


def catalogue(group: str) -> str:
    """One line for each choice of a configuration group."""
    lines = [
        f"- `{name}`: {summary(path).removeprefix(f'{name}: ')}"
        for name, path in choices(group).items()
    ]
    return "\n".join(lines) + "\n"


def headline(section: Section, folder: Path, top: Path) -> str:
    """Headline scores, cost and verdict of each method on one request, with its picture."""
    titles = [section.title(metric) for metric in section.headline]
    rows = [["", *titles, "passes", "verdict"], ["---"] * (len(titles) + 3)]
    for method in section.methods:
        values = [
            mean_interval(section.row(method, metric), section.limits(metric))
            for metric in section.headline
        ]
        passes = section.row(method, "cost/passes")
        cost = share(passes["mean"]) if passes else ""
        rows.append([method, *values, cost, section.outcome(method).word])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    text = f"**{section.name}**: {section.subject}; {section.size}.\n\n{table}\n"
    picture = folder / f"{section.name.replace(' ', '_')}.svg"
    if picture.is_file():
        text += f"\n![Gaps to the oracle: {section.name}]({picture.relative_to(top).as_posix()})\n"
    return text


def outcome(name: str, top: Path) -> str | None:
    """The tables of one experiment; None where its results are not there."""
    folder = top / "experiments" / name
    if not (folder / "results.json").is_file():
        return None
    results: dict[str, Any] = tabulated(read_results(folder))
    parts = [headline(section, folder, top) for section in shown(sections(results))]
    everything = f"[all scores and gaps](experiments/{name}/table.md)"
    return "\n".join([*parts, f"Made by `{results.get('command', '')}`; {everything}.\n"])


def generated(text: str, top: Path = TOP) -> str:
    """The text with its generated parts as they should be."""

    def part(match: re.Match[str]) -> str:
        start, kind, name, old, end = match.groups()
        new = catalogue(name) if kind == "list" else outcome(name, top)
        return start + (old if new is None else new) + end

    return PART.sub(part, text)


def main() -> int:
    """Rewrite README.md."""
    path = TOP / "README.md"
    old = path.read_text(encoding="utf-8")
    new = generated(old)
    path.write_text(new, encoding="utf-8")
    print("README.md was up to date" if new == old else "README.md rewritten")
    return 0


if __name__ == "__main__":
    sys.exit(main())
