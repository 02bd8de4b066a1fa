"""Results as a reader meets them: one section per request and step, methods in a fixed order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mu.reporting.section import REFERENCES, Record, Section
from mu.results.format import printable

FIRST = (*REFERENCES, "utu")

Results = Mapping[str, Any]


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Method names, each once: original, random_weights, oracle, utu, then as they come."""
    found = list(dict.fromkeys(names))
    return (*(n for n in FIRST if n in found), *(n for n in found if n not in FIRST))


def all_methods(results: Results) -> tuple[str, ...]:
    """Every method of an experiment in the order of its tables."""
    return ordered(record["method"] for part in ("cards", "rows") for record in results[part])


def place(record: Record) -> tuple[int, str, int]:
    """Block, request and step that a card, row or verdict belongs to."""
    return int(record.get("block") or 0), str(record["request"]), int(record.get("step") or 0)


def sections(results: Results) -> list[Section]:
    """The sections of an experiment: blocks in order, requests as they come, steps upwards.

    Args:
        results: What ``results.json`` holds.

    Returns:
        One section per (block, request, step).
    """
    groups: dict[tuple[int, str, int], dict[str, list[Record]]] = {}
    for part in ("cards", "rows", "verdicts"):
        for record in results[part]:
            group = groups.setdefault(place(record), {"cards": [], "rows": [], "verdicts": []})
            group[part].append(record)
    arrival: dict[tuple[int, str], int] = {}
    for block, request, _ in groups:
        arrival.setdefault((block, request), len(arrival))
    keys = sorted(groups, key=lambda key: (key[0], arrival[key[:2]], key[2]))
    return [_section(results, key, groups[key]) for key in keys]


def _section(
    results: Results, key: tuple[int, str, int], group: Mapping[str, list[Record]]
) -> Section:
    names = [card["panel"] for card in group["cards"] if card.get("panel") in results["panel"]]
    panel = results["panel"][names[0]] if names else {}
    known = results.get("classes") or {}
    classes = [known[card["data"]] for card in group["cards"] if known.get(card.get("data"))]
    return Section(
        *key,
        methods=ordered(r["method"] for part in ("cards", "rows") for r in group[part]),
        cards=tuple(group["cards"]),
        rows={(row["method"], row["metric"]): row for row in group["rows"]},
        verdicts={verdict["method"]: verdict for verdict in group["verdicts"]},
        scores=panel.get("scores", {}),
        classes=tuple(printable(name) for name in classes[0]) if classes else (),
    )


def shown(parts: list[Section]) -> list[Section]:
    """The sections for a short table: of a sequence longer than three, the first and the last."""
    return [s for s in parts if s.steps <= 3 or s.step in (0, s.steps - 1)]


def sequences(parts: list[Section]) -> dict[tuple[int, str], list[Section]]:
    """Sections that follow one another, by block and request, where there is more than one."""
    groups: dict[tuple[int, str], list[Section]] = {}
    for section in parts:
        groups.setdefault((section.block, section.request), []).append(section)
    return {key: group for key, group in groups.items() if len(group) > 1}


def shared_notes(parts: Sequence[Section]) -> list[str]:
    """Notes that hold for every one of several sections, to be said once."""
    if len(parts) < 2:
        return []
    return [note for note in parts[0].notes if all(note in other.notes for other in parts[1:])]
