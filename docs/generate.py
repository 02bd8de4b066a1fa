"""Writes the generated parts of README.md and docs/results.md anew: lists of what is in, tables.

A part stands between two comments. ``<!-- list:method -->`` … ``<!-- /list -->`` gets the choices
of ``configs/method``. ``<!-- results:NAME -->`` … ``<!-- /results -->`` gets the headline scores of
``experiments/NAME/results.json`` and the pictures beside it; without that file it stays as it is.
"""

import os
import re
import sys
from pathlib import Path

from mu.configuration.choices import choices, summary
from mu.reporting.layout import sections, sequences, shown
from mu.reporting.scores import nearer
from mu.reporting.section import Section
from mu.reporting.table import comparisons
from mu.results.format import mean_interval, share
from mu.results.results import read_results, tabulated

TOP = Path(__file__).parents[1]
PAGES = ("README.md", "docs/results.md")
PART = re.compile(r"(<!-- (list|results):(\w+) -->\n)(.*?)(<!-- /\2 -->)", re.DOTALL)


def catalogue(group: str) -> str:
    """One line for each choice of a configuration group."""
    lines = [
        f"- {linked(group, name)}: {summary(path).removeprefix(f'{name}: ')}"
        for name, path in choices(group).items()
    ]
    return "\n".join(lines) + "\n"


def linked(group: str, name: str) -> str:
    """The name of a choice; of a method with a link to its page."""
    return f"[`{name}`](docs/methods/{name}.md)" if group == "method" else f"`{name}`"


def headline(section: Section, folder: Path, here: Path) -> str:
    """Headline scores, cost and verdict of each method on one request, with its picture."""
    titles = [section.title(metric) for metric in section.headline]
    rows = [["", *titles, "passes", "verdict"]]
    for method in section.methods:
        values = [
            mean_interval(section.row(method, metric), section.limits(metric))
            for metric in section.headline
        ]
        passes = section.row(method, "cost/passes")
        cost = share(passes.mean) if passes else ""
        rows.append([method, *values, cost, section.outcome(method).word])
    text = f"**{section.name}**: {section.subject}; {section.size}.\n\n{grid(rows)}\n"
    text += nearer_table(section)
    picture = folder / f"{section.key}.svg"
    if picture.is_file():
        text += f"\n![Gaps to the oracle: {section.name}]({relative(picture, here)})\n"
    return text


def nearer_table(section: Section) -> str:
    """How much nearer to the oracle each method is than unlinking alone; empty for images."""
    found = nearer(section)
    if found is None:
        return ""
    rows = [["", *found.titles]]
    for method, cells in found.rows:
        rows.append([method, *(f"{c.main} {c.sub} {c.word}".strip() for c in cells)])
    return f"\n{found.caption}:\n\n{grid(rows)}\n"


def grid(rows: list[list[str]]) -> str:
    """Rows as a table, head first."""
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def relative(path: Path, here: Path) -> str:
    """The path as seen from a folder."""
    return Path(os.path.relpath(path, here)).as_posix()


def outcome(name: str, top: Path, here: Path) -> str | None:
    """The tables of one experiment for a page in a folder; None where its results are not there."""
    folder = top / "experiments" / name
    if not (folder / "results.json").is_file():
        return None
    results = tabulated(read_results(folder))
    found = sections(results)
    parts = [f"{block}\n" for block in comparisons(results)]
    parts += [headline(section, folder, here) for section in shown(found)]
    for own in sequences(found).values():
        picture = folder / f"{own[0].key}-row.svg"
        if picture.is_file():
            name = f"{own[0].request}: scores and passes over the requests"
            parts.append(f"![{name}]({relative(picture, here)})\n")
    everything = f"[all scores and gaps]({relative(folder / 'table.md', here)})"
    return "\n".join([*parts, f"Made by `{results.command}`; {everything}.\n"])


def generated(text: str, top: Path = TOP, here: Path | None = None) -> str:
    """The text of a page in the folder ``here`` with its generated parts as they should be."""

    def part(match: re.Match[str]) -> str:
        start, kind, name, old, end = match.groups()
        new = catalogue(name) if kind == "list" else outcome(name, top, here or top)
        return start + (old if new is None else new) + end

    return PART.sub(part, text)


def main() -> int:
    """Rewrite the pages."""
    for name in PAGES:
        path = TOP / name
        old = path.read_text(encoding="utf-8")
        new = generated(old, TOP, path.parent)
        path.write_text(new, encoding="utf-8")
        print(f"{name} was up to date" if new == old else f"{name} rewritten")
    return 0


if __name__ == "__main__":
    sys.exit(main())
