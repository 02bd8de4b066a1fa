"""What a kept experiment shows: tables and pictures of its page, and its line in the index."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from writers.catalogue import relative

from mu.errors import UsageError
from mu.reporting.layout import sections, sequences, shown
from mu.reporting.scores import nearer
from mu.reporting.section import Section
from mu.reporting.table import comparisons, markdown_table
from mu.results.format import mean_interval, number, percent
from mu.results.results import read_results, tabulated
from mu.results.words import REFERENCES

READING = """\
Mean [95 % interval over the pairs]; the row to compare with is `oracle`
([how results are to be read](../../docs/reading.md)).
[`reproduce.sh`](reproduce.sh) runs everything again and compares every number.
"""
TITLE = re.compile(r"\A# (.+)\n\n((?:> .+\n)+)")  # of a study's page: its name, and what it found


@dataclass(frozen=True)
class Study:
    """What pages say of a kept experiment, made from its cards."""

    folder: Path
    command: str
    table: str
    comparisons: list[str]
    sections: list[Section]


@lru_cache(maxsize=1)  # a study's files follow one another, and cards take much memory
def study(folder: Path) -> Study | None:
    """The study in a folder; None where no results are kept."""
    if not (folder / "results.json").is_file():
        return None
    results = tabulated(read_results(folder))
    return Study(
        folder,
        results.command or "",
        markdown_table(results),
        comparisons(results),
        sections(results),
    )


def tables(name: str, request: str, page: Path, top: Path) -> str | None:
    """The headline scores of an experiment, or of one of its requests, with their pictures."""
    found = study(top / "experiments" / name)
    if found is None:
        return None
    parts = [READING] if page.parent == found.folder else []
    parts += [] if request else [f"{block}\n" for block in found.comparisons]
    parts += [
        headline(section, found.folder, page)
        for section in shown(found.sections)
        if request in ("", section.request)
    ]
    for own in sequences(found.sections).values():
        picture = found.folder / f"{own[0].key}-row.svg"
        if picture.is_file() and not request:
            said = f"{own[0].request}: scores and passes over the requests"
            parts.append(f"![{said}]({relative(picture, page)})\n")
    everything = f"[all scores and gaps]({relative(found.folder / 'table.md', page)})"
    return "\n".join([*parts, f"Made by `{found.command}`; {everything}.\n"])


def headline(section: Section, folder: Path, page: Path) -> str:
    """Headline scores, cost and verdict of each method on one request, with its picture."""
    titles = [section.title(metric) for metric in section.headline]
    rows = [["", *titles, "passes", "verdict"]]
    for method in section.methods:
        values = [
            mean_interval(section.row(method, metric), section.limits(metric))
            for metric in section.headline
        ]
        passes = section.row(method, "cost/passes")
        cost = percent(passes.mean) if passes else ""
        rows.append([method, *values, cost, section.outcome(method).word])
    text = f"**{section.name}**: {section.subject}; {section.size}.\n\n{grid(rows)}\n"
    text += nearer_table(section)
    picture = folder / f"{section.key}.svg"
    if picture.is_file():
        text += f"\n![Gaps to the oracle: {section.name}]({relative(picture, page)})\n"
    return text


def near(name: str, request: str, top: Path) -> str | None:
    """Methods on one request, the nearest to the oracle first, by where each is farthest from it.

    Of a score of forgetting the share of the original's gap that is left, of a utility the
    difference from the oracle.
    """
    found = study(top / "experiments" / name)
    if found is None:
        return None
    section = next(one for one in found.sections if one.request == request)
    judged = [m for m in section.headline if section.family(m) != "cost"]
    forgets = [m for m in judged if section.kind(m) == "forgetting"]

    def farthest(method: str) -> float:
        return max(abs(section.number(method, m, "left") or 0.0) for m in forgets)

    titles = [section.title(m) + (" left" if m in forgets else "") for m in judged]
    rows = [["", *titles, "passes", "MB", "verdict"]]
    tried = [m for m in section.methods if m not in REFERENCES and not section.error(m)]
    for method in sorted(tried, key=farthest):
        values = [
            f"{number(100 * (section.number(method, m, 'left') or 0.0), 0)} %"
            if m in forgets
            else number(section.number(method, m, "gap"), 3, sign=True)
            for m in judged
        ]
        passes = percent(section.number(method, "cost/passes"))
        rows.append([method, *values, passes, section.memory(method), section.outcome(method).word])
    return f"{section.subject}; {section.size}.\n\n{grid(rows)}\n"


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


def findings(names: list[str], page: Path, top: Path) -> str:
    """One line a study: its title, which leads to its page, and the finding below the title.

    Raises:
        UsageError: A study has no such page.
    """
    lines = []
    for name in names:
        path = top / "experiments" / name / "README.md"
        head = TITLE.search(path.read_text(encoding="utf-8")) if path.is_file() else None
        if head is None:
            raise UsageError(f"write experiments/{name}/README.md: '# TITLE', then '> FINDING'")
        title, quoted = head.groups()
        found = " ".join(line.removeprefix("> ") for line in quoted.splitlines())
        lines.append(f"- [{title}]({relative(path, page)}): {found}")
    return "\n".join(lines) + "\n"
