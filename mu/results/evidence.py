"""From result cards to evidence: what the finished cells say about each score of each method."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mu.results.card import Card
from mu.results.estimate import Estimate
from mu.results.intervals import estimate, gap_estimate
from mu.results.words import ORACLE, REFERENCES

Panel = Mapping[str, Any]


class Group(NamedTuple):
    """What the rows of one table have in common."""

    block: int
    request: str
    step: int
    data: str
    model: str


@dataclass(frozen=True)
class Evidence:
    """What the finished cards of one method say about one score.

    Args:
        value: Mean over pairs.
        oracle: Mean over the same pairs of the oracles' means; nan without oracles.
        gap: Paired difference from the oracles.
        sets: Distinct forget sets among the pairs used.
    """

    value: Estimate
    oracle: float
    gap: Estimate
    sets: int

    def caveat(self) -> str:
        """What limits the interval, in words; empty when nothing does."""
        if self.value.n == 1:
            return "one pair" if self.sets == 1 else "one training seed"
        if self.value.n > 1 and math.isnan(self.gap.error):
            return "no oracle value" if math.isnan(self.gap.mean) else "one shared oracle"
        return "conditional on one forget set" if self.sets == 1 else ""


def _shared_oracles(cards: Sequence[Card]) -> bool:
    """Whether several pairs were compared with the very same oracles: equal values on all scores.

    What an oracle took in seconds does not tell.
    """
    names = sorted({name for card in cards for name in card.oracle})
    names = [name for name in names if not name.startswith("cost/")]
    seen = {json.dumps([card.oracle_values(name) for name in names]) for card in cards}
    return len(seen) == 1 and len({card.seed for card in cards}) > 1


def _evidence(cards: Sequence[Card], name: str, shared: bool, is_oracle: bool) -> Evidence:
    found = [
        (value, card.oracle_values(name), card)
        for card in cards
        if (value := card.number(name)) is not None
    ]
    # one n for the whole row: where some pairs have oracles, pairs without are left out
    compared = [row for row in found if row[1]] or found
    values, oracles = [row[0] for row in compared], [row[1] for row in compared]
    seeds = [row[2].seed for row in compared]
    sets = [row[2].forget_digest or f"pair {row[2].pair}" for row in compared]
    target = [sum(listed) / len(listed) if listed else math.nan for listed in oracles]
    return Evidence(
        value=estimate(values, seeds, sets),
        oracle=estimate(target, seeds, sets).mean,
        gap=Estimate() if is_oracle else gap_estimate(values, oracles, shared, seeds, sets),
        sets=len(set(sets)),
    )


def _groups(cards: Iterable[Card]) -> dict[Group, dict[str, list[Card]]]:
    """The cards per group and method, in table order."""
    cards = list(cards)
    recipes: dict[tuple[str, str], set[str]] = {}
    for card in cards:
        recipes.setdefault((card.data, card.model), set()).add(card.recipe)
    groups: dict[Group, dict[str, list[Card]]] = {}
    for card in cards:
        model = card.model
        if len(recipes[card.data, model]) > 1:  # never mix two recipes in one row
            model = f"{model} [{card.recipe}]"
        key = Group(*card.place, card.data, model)
        groups.setdefault(key, {}).setdefault(card.method, []).append(card)
    return {
        key: {name: found[name] for name in [*REFERENCES, *found] if name in found}
        for key, found in groups.items()
    }


def _names(cards: Sequence[Card], panel: Panel) -> list[str]:
    """The panel's scores in its order, then others the cards hold."""
    seen = dict.fromkeys(name for card in cards for name in card.values)
    others = [name for name in seen if name not in panel["scores"]]
    return [*(name for name in panel["scores"] if name in seen), *others]


def kind_of(name: str, panel: Panel) -> str:
    """The kind of a score: the panel's word, `cost` for `cost/...`, else empty."""
    given = panel["scores"].get(name, {}).get("kind", "")
    return "cost" if name.startswith("cost/") else str(given)


def evidence_tables(
    cards: Iterable[Card], panel: Panel
) -> Iterator[tuple[Group, dict[str, list[Card]], dict[str, dict[str, Evidence]]]]:
    """Each group with its cards by method (failed ones too) and the evidence of finished ones."""
    for key, methods in _groups(cards).items():
        table = {}
        for method, listed in methods.items():
            done = [card for card in listed if not card.error]
            shared, is_oracle = _shared_oracles(done), method == ORACLE
            names = _names(done, panel)
            table[method] = {name: _evidence(done, name, shared, is_oracle) for name in names}
        yield key, methods, table
