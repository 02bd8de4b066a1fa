"""Under which conditions results were made: data, model, seeds, versions, devices."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mu.reporting.layout import Results
from mu.reporting.section import Record, Section, count_oracles, failure, spread
from mu.results.format import printable


@dataclass(frozen=True)
class Versions:
    """Versions and devices of all cards, by name; ``mixed`` names those with several values."""

    values: dict[str, str]
    mixed: list[str]


def settings(parts: Sequence[Section]) -> list[dict[str, str]]:
    """The setting of each block in words.

    Args:
        parts: All sections of an experiment.

    Returns:
        Per block a mapping from label (``data set``, ``model`` …) to text.
    """
    blocks: dict[int, list[Section]] = {}
    for section in parts:
        blocks.setdefault(section.block, []).append(section)
    return [_block(group) for group in blocks.values()]


def _block(group: Sequence[Section]) -> dict[str, str]:
    cards = [card for section in group for card in section.cards]

    def fact(field: str) -> str:
        return spread(card[field] for card in cards if card.get(field) is not None)

    oracles = [count_oracles(card) for card in cards if not failure(card)]
    data, title = fact("data"), fact("title_data")
    return {
        "data set": f"{title} ({data})" if title and title != data else data,
        "model": fact("model"),
        "recipe": fact("recipe"),
        "requests": ", ".join(dict.fromkeys(printable(section.request) for section in group)),
        "of": fact("request_kind"),
        **_seeds(cards),
        "pairs (training seed, forget set)": str(max(section.pairs for section in group)),
        "oracles per request": spread(n for n in oracles if n) or "0",
        "forget sets": "shared between pairs"
        if any(card.get("set_shared") for card in cards)
        else "one per pair",
        "oracles' recipe": "another than the original's, which came from a file"
        if any(section.other_recipe for section in group)
        else "",
        "fingerprint of the data": _listed(cards, "fingerprint"),
        "commit": ", ".join(dict.fromkeys(_commit(card) for card in cards if card.get("commit"))),
    }


def _seeds(cards: Sequence[Record]) -> dict[str, str]:
    """Seeds of every kind that the cards name; old cards name that of training alone."""
    labels = {"train": "seeds", "unlearn": "seeds of unlearning", "select": "seeds of selection"}
    found: dict[str, set[int]] = {name: set() for name in (*labels, "oracles")}
    for card in cards:
        named = {"train": card.get("seed")} | (card.get("seeds") or {})
        for name, seeds in named.items():
            listed = seeds if isinstance(seeds, (list, tuple)) else [seeds]
            found.setdefault(name, set()).update(seed for seed in listed if seed is not None)
    return {
        labels.get(name, f"seeds of {printable(name)}"): ranges(seeds)
        for name, seeds in found.items()
    }


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers upwards, neighbours joined.

    >>> ranges([3, 1, 2, 7, 10, 11])
    '1 to 3, 7, 10, 11'
    """
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = [f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return ", ".join(texts)


def _commit(card: Record) -> str:
    changed = ", with changes that were not committed" if card.get("dirty") else ""
    return printable(card["commit"]) + changed


def options(parts: Sequence[Section]) -> dict[str, str]:
    """Recipes and options of methods as the cards hold them, as JSON by a heading in words.

    Args:
        parts: All sections of an experiment.

    Returns:
        Text by heading (``recipe digits``, ``method ssd``); the first of equal entries only.
    """
    found: dict[str, str] = {}
    for card in (card for section in parts for card in section.cards):
        headings = {
            f"recipe {printable(card.get('recipe'))}": card.get("recipe_config"),
            f"method {printable(card['method'])}": card.get("method_config"),
        }
        for heading, config in headings.items():
            text = json.dumps(config, indent=1, sort_keys=True, default=str)
            if config and found.setdefault(heading, text) != text:
                found.setdefault(f"{heading}, block {card.get('block', 0) + 1}", text)
    return found


def _listed(cards: Sequence[Record], field: str) -> str:
    found = {card[field] for card in cards if card.get(field) is not None}
    return ", ".join(map(printable, sorted(found, key=lambda value: (str(type(value)), value))))


def versions(results: Results) -> Versions:
    """Versions and devices over all cards, with a count where cards differ."""
    counts: dict[str, Counter[str]] = {}
    for card in results["cards"]:
        found = {"device": card.get("device"), **(card.get("versions") or {})}
        for name, value in found.items():
            if value is not None:
                text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
                counts.setdefault(printable(name), Counter())[printable(text)] += 1
    values = {
        name: next(iter(count))
        if len(count) == 1
        else ", ".join(f"{value} ({n} cells)" for value, n in sorted(count.items()))
        for name, count in counts.items()
    }
    return Versions(values, [name for name, count in counts.items() if len(count) > 1])
