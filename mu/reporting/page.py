"""The results as one page that needs nothing else: verdicts first, then the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from mu.reporting import figures
from mu.reporting.canvas import looks
from mu.reporting.format import finite, gap_interval, interval, number, printable, share
from mu.reporting.layout import Results, sections, sequences, shared_notes
from mu.reporting.layout import shown as abridged
from mu.reporting.section import REFERENCES, Section
from mu.reporting.setting import options, settings, versions

# A page is to stay below 3 MB; text and tables need the rest.
FIGURE_BUDGET = 1_800_000
KINDS = ("forest", "utility", "tradeoff")
FAMILIES = {
    "forgetting": "Forgetting: the target is the oracle's value",
    "utility": "Utility: what must be kept",
    "distance": "Distance to the oracle: the target is their own",
    "cost": "Cost",
}
CLASSES = {
    "differs": "bad",
    "failed": "bad",
    "like the oracle": "good",
    "inconclusive": "open",
}
CAPTIONS = {
    "forest": "Gap to the oracle with its 95 % interval. 0 is the oracle; the shaded strip is the "
    "margin of the equivalence test. random_weights is not drawn.",
    "utility": "Utility with its 95 % interval; line and strip: the oracle. random_weights is not "
    "drawn.",
    "tradeoff": "Gap in forgetting against gap in utility, with intervals. The nearer to the "
    "star the better; marker area and per cent: passes relative to retraining.",
    "sequence": "The whole sequence: scores over its steps with 95 % intervals; dashed: the oracle "
    "of each step. What was forgotten before must not come back.",
}


@dataclass(frozen=True)
class Cell:
    """One cell of a table: the number, its interval, the gap and what is said about it."""

    main: str
    sub: str = ""
    gap: str = ""
    word: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the page: a caption, a title per column, a row of cells per method."""

    caption: str
    titles: list[str]
    rows: list[tuple[str, list[Cell]]]


def html_page(results: Results) -> str:
    """A self-contained page: no script, nothing loaded from outside, below 3 MB.

    Args:
        results: What ``results.json`` holds.

    Returns:
        The text of ``report.html``; the same text for the same results.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["printable"] = printable
    environment.filters["tone"] = lambda word: CLASSES.get(word, "none")
    source = files("mu.reporting").joinpath("page.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source).render(context(results)) + "\n"


def context(results: Results) -> dict[str, Any]:
    """What the template shows, already in words."""
    parts = sections(results)
    visible = abridged(parts)
    pictures, complete = _pictures(results, parts, visible)
    return {
        "results": results,
        "parts": [_part(section, pictures, section in visible) for section in parts],
        "methods": _tried(parts),
        "captions": CAPTIONS,
        "complete": complete,
        "failures": _failures(parts),
        "shared_notes": shared_notes(parts),
        "settings": settings(parts),
        "options": options(parts),
        "versions": versions(results),
        "commands": list(
            dict.fromkeys(printable(c["command"]) for c in results["cards"] if c.get("command"))
        ),
    }


def _tried(parts: Sequence[Section]) -> list[str]:
    names = dict.fromkeys(m for s in parts for m in s.methods if m not in REFERENCES)
    return sorted(names, key="utu".__ne__)


def _part(section: Section, pictures: dict[str, str], visible: bool) -> dict[str, Any]:
    tables = {family: _table(section, family) for family in FAMILIES}
    cost = tables.pop("cost")
    return {
        "section": section,
        "visible": visible,
        "outcomes": {method: section.outcome(method) for method in section.methods},
        "tables": [table for table in tables.values() if table.titles],
        "cost": cost if cost.titles else None,
        "sequence": pictures.get(f"sequence-{section.key}", ""),
        "pictures": {kind: pictures.get(f"{kind}-{section.key}", "") for kind in KINDS},
    }


def _table(section: Section, family: str) -> Table:
    metrics = [metric for metric in section.metrics if section.family(metric) == family]
    alive = [method for method in section.methods if not section.error(method)]
    rows = [(m, [_cell(section, m, metric) for metric in metrics]) for m in alive]
    return Table(FAMILIES[family], [section.title(metric) for metric in metrics], rows)


def _cell(section: Section, method: str, metric: str) -> Cell:
    row = section.row(method, metric)
    if row is None or finite(row["mean"]) is None:
        return Cell(number(None))
    if metric == "cost/passes":
        return Cell(share(row["mean"]))
    bounds = interval(row["low"], row["high"])
    if section.kind(metric) == "cost" or finite(row["gap"]) is None or method == "oracle":
        return Cell(number(row["mean"]), bounds)
    return Cell(number(row["mean"]), bounds, gap_interval(row), printable(row["verdict"] or ""))


def _pictures(
    results: Results, parts: Sequence[Section], visible: Sequence[Section]
) -> tuple[dict[str, str], bool]:
    """The figures by kind and section until the budget is spent, and whether all were drawn."""
    style = looks(results)
    drawn: dict[str, str] = {}
    for group in sequences(list(parts)).values():
        drawn[f"sequence-{group[0].key}"] = figures.sequence(group, style)
    for section in visible:
        if sum(map(len, drawn.values())) > FIGURE_BUDGET:
            return drawn, False
        for kind in KINDS:
            drawn[f"{kind}-{section.key}"] = getattr(figures, kind)(section, style)
    return {name: picture for name, picture in drawn.items() if picture}, True


def _failures(parts: Sequence[Section]) -> list[dict[str, Any]]:
    """Failed cells: where, and the reason."""
    return [
        {
            "where": section.name,
            "method": printable(card["method"]),
            "pair": card.get("pair"),
            "reason": printable(card["error"]),
        }
        for section in parts
        for card in section.cards
        if card.get("error")
    ]
