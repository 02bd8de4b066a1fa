"""From result cards to evidence: what the finished cells say about each score of each method."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from mu.results.card import Card
from mu.results.estimate import Estimate
from mu.results.intervals import estimate
from mu.results.rule import Measured
from mu.results.words import NOT_METHODS, ORIGINAL

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

    Attributes:
        measured: Its values beside those of the original and the oracles, pair by pair.
        value: Mean over pairs.
        oracle: Mean over the same pairs of the oracles' means; nan without oracles.
        gap: Mean difference from the oracles.
        sets: Distinct forget sets among the pairs used.
        missing: Pairs in which the oracles have a value and the method has none.
        infinite: Pairs in which its value is infinite.
    """

    measured: Measured
    value: Estimate
    oracle: float
    gap: Estimate
    sets: int
    missing: tuple[int, ...] = ()
    infinite: tuple[int, ...] = ()

    @property
    def known(self) -> bool:
        """Whether there is anything to judge."""
        return bool(self.value.n or self.infinite)

    def caveat(self) -> str:
        """What limits the interval, in words; empty when nothing does."""
        if self.value.n > 1 and math.isnan(self.gap.error):
            return "no oracle value" if math.isnan(self.gap.mean) else "one shared oracle"
        if self.value.n == 1:
            return "one pair" if self.sets == 1 else "one training seed"
        return "conditional on one forget set" if self.sets == 1 else ""


def shared_oracles(cards: Sequence[Card]) -> bool:
    """Whether several pairs were compared with the very same oracles: equal values on all scores.

    What an oracle took in seconds does not tell.
    """
    seen = {oracles_known_by(card) for card in cards}
    return len(seen) == 1 and len({card.seed for card in cards}) > 1


def oracles_known_by(card: Card) -> str:
    """The values of the oracles of a card but their costs, as text: what tells them apart."""
    scores = (name for name in sorted(card.oracle) if not name.startswith("cost/"))
    return json.dumps({name: found for name in scores if (found := card.oracle_values(name))})


def evidence(
    cards: Sequence[Card],
    name: str,
    originals: Mapping[int, Card],
    facts: Mapping[str, Any] = MappingProxyType({}),
    shared: bool = False,
) -> Evidence:
    """The evidence on one score of one method.

    Args:
        cards: Finished ones of the method, a pair each.
        name: Of the score.
        originals: Pair → the card of the original.
        facts: What the panel says of the score.
        shared: Whether all pairs have the very same oracles.
    """
    found = [card for card in cards if card.number(name) is not None]
    none = [card for card in cards if card.number(name) is None]
    # one n for the whole row: where some pairs have oracles, pairs without are left out
    used = [card for card in found if card.oracle_values(name)] or found
    seeds = [card.seed for card in used]
    sets = [card.forget_digest or f"pair {card.pair}" for card in used]
    start = [one.number(name) if (one := originals.get(card.pair)) else None for card in used]
    oracles = [card.oracle_values(name) for card in used]
    measured = Measured(
        row=[card.number(name) or 0.0 for card in used],
        original=[] if None in start else [value or 0.0 for value in start],
        oracles=oracles,
        size=min((n for card in used if (n := size_of(card, name, facts))), default=None),
        better=facts.get("better", "oracle"),
        references=bool(facts.get("references")),
        seeds=seeds,
        sets=sets,
        shared=shared,
    )
    value = estimate(measured.row, seeds, sets)
    if measured.size and value.n > 1:
        floor = 2 / (value.n * measured.size) ** 2
        value = replace(value, error=math.sqrt(value.error**2 + floor))
    target = [sum(listed) / len(listed) if listed else math.nan for listed in oracles]
    return Evidence(
        measured=measured,
        value=value,
        oracle=estimate(target, seeds, sets).mean,
        gap=measured.gap,
        sets=len(set(sets)),
        missing=tuple(card.pair for card in none if card.oracle_values(name)),
        infinite=tuple(card.pair for card in cards if card.infinite(name)),
    )


def size_of(card: Card, name: str, facts: Mapping[str, Any]) -> int | None:
    """Samples that a share is counted over, None where the score is none.

    Cards of older versions do not say it; an accuracy on D_f or D_r tells by what it reads.
    """
    if name in card.sizes or not facts.get("reads"):
        return card.sizes.get(name)
    share = list(facts.get("range") or ()) == [0.0, 1.0] and facts.get("better") == "oracle"
    if not share or facts.get("family") not in ("forgetting", "utility"):
        return None
    return {"forget": card.n_forget, "retain": card.n_retain}.get("".join(facts["reads"]))


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
        key: {name: found[name] for name in [*NOT_METHODS, *found] if name in found}
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
        originals = {card.pair: card for card in methods.get(ORIGINAL, ()) if not card.error}
        for method, listed in methods.items():
            done = [card for card in listed if not card.error]
            shared = shared_oracles(done)
            table[method] = {
                name: evidence(done, name, originals, panel["scores"].get(name, {}), shared)
                for name in _names(done, panel)
            }
        yield key, methods, table
