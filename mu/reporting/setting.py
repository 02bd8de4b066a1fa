"""Under which conditions results were made: data, model, seeds, versions, devices."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from mu.reporting.section import Section, fact, spread
from mu.results.card import Card
from mu.results.format import printable
from mu.results.results import Results


def settings(sections: Sequence[Section]) -> list[dict[str, str]]:
    """The setting of each block in words.

    Args:
        sections: All sections of an experiment.

    Returns:
        Per block a mapping from label (``data set``, ``model`` …) to text.
    """
    blocks: dict[int, list[Section]] = {}
    for section in sections:
        blocks.setdefault(section.block, []).append(section)
    return [_block(group) for group in blocks.values()]


def _block(group: Sequence[Section]) -> dict[str, str]:
    cards = [card for section in group for card in section.cards]
    oracles = [card.oracles for card in cards if not card.error]
    data, title = fact(cards, "data"), fact(cards, "title_data")
    return {
        "data set": f"{title} ({data})" if title and title != data else data,
        "model": fact(cards, "model"),
        "recipe": fact(cards, "recipe"),
        "requests": ", ".join(dict.fromkeys(printable(section.request) for section in group)),
        "of": fact(cards, "request_kind"),
        **_seeds(cards),
        "pairs (training seed, forget set)": str(max(section.pairs for section in group)),
        "oracles per request": spread(n for n in oracles if n) or "0",
        "forget sets": _sets(group),
        "oracles' recipe": "another than the original's: one of the two came from files"
        if any(section.other_recipe for section in group)
        else "",
        "fingerprint of the data": _listed(card.fingerprint for card in cards),
        "commit": ", ".join(dict.fromkeys(_commit(card) for card in cards if card.commit)),
    }


def _sets(group: Sequence[Section]) -> str:
    """Whether pairs forget the same set, and on which requests where not on all."""
    requests = dict.fromkeys(printable(section.request) for section in group)
    shared = dict.fromkeys(printable(one.request) for one in group if one.set_shared)
    if not shared:
        return "one per pair"
    some = "" if len(shared) == len(requests) else f" for {', '.join(shared)}; else one per pair"
    return f"shared between pairs{some}"


def _seeds(cards: Sequence[Card]) -> dict[str, str]:
    """Seeds of every kind that the cards name; old cards name that of training alone."""
    named = [card.seeds for card in cards if card.seeds]
    return {
        "seeds": ranges([card.seed for card in cards]),
        "seeds of unlearning": ranges(seeds.unlearn for seeds in named),
        "seeds of selection": ranges(seeds.select for seeds in named),
        "seeds of oracles": ranges(seed for seeds in named for seed in seeds.oracles),
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


def _commit(card: Card) -> str:
    changed = ", with changes that were not committed" if card.dirty else ""
    return printable(card.commit) + changed


def options(sections: Sequence[Section]) -> dict[str, str]:
    """Recipes and options of methods as the cards hold them, as JSON by a heading in words.

    Args:
        sections: All sections of an experiment.

    Returns:
        Text by heading (``recipe digits``, ``method ssd``); the first of equal entries only.
    """
    found: dict[str, str] = {}
    for card in (card for section in sections for card in section.cards):
        headings = {
            f"recipe {printable(card.recipe)}": card.recipe_config,
            f"method {printable(card.method)}": card.method_config,
        }
        for heading, config in headings.items():
            text = json.dumps(config, indent=1, sort_keys=True, default=str)
            if config and found.setdefault(heading, text) != text:
                found.setdefault(f"{heading}, block {card.block + 1}", text)
    return found


def _listed(values: Iterable[str | None]) -> str:
    return ", ".join(map(printable, sorted({value for value in values if value is not None})))


def versions(results: Results) -> tuple[dict[str, str], list[str]]:
    """Versions, devices, precisions of all cards, counted where they differ; what differs."""
    counts: dict[str, Counter[str]] = {}
    for card in results.cards:
        precision = card.recipe_config.get("precision")
        known = {"device": card.device, "precision": precision, **card.versions}
        for name, value in known.items():
            if value is not None:
                counts.setdefault(printable(name), Counter())[printable(value)] += 1
    mixed = [name for name, count in counts.items() if len(count) > 1]
    values = {name: ", ".join(count) for name, count in counts.items()}
    for name in mixed:
        values[name] = ", ".join(f"{v} ({n} cells)" for v, n in sorted(counts[name].items()))
    return values, mixed
