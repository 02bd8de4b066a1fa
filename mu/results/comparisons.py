"""Which methods come nearer to the oracle than doing nothing but unlinking, pair by pair."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from mu.reporting.section import REFERENCES, Record, Section, failure
from mu.results.format import finite

NULL = "utu"  # the method that does nothing but what the pipeline does anyway


@dataclass(frozen=True)
class Gain:
    """How much nearer to the oracle a method is than the null method on one score.

    Attributes:
        mean, low, high: Distance of the null method − distance of the method, mean over pairs and
            its 95 % interval; positive is nearer.
        n: Number of pairs.
    """

    mean: float
    low: float
    high: float
    n: int

    @property
    def word(self) -> str:
        """What the interval says."""
        if self.low > 0:
            return "nearer"
        return "farther" if self.high < 0 else "undecided"


def gains(section: Section) -> dict[str, dict[str, Gain]]:
    """Gains of every method over the null method, by method and headline score.

    The distance of a score is |value − mean of the oracles| in each pair; of a score that is a
    distance to the oracles, its value. With fewer than two pairs there is nothing to say.

    Args:
        section: One step of one request.

    Returns:
        Empty where the null method is not among the rows.
    """
    by_method: dict[str, dict[int, Record]] = {}
    if NULL not in section.methods:
        return {}
    from mu.results.intervals import interval  # SciPy, which a page without graphs can spare

    for card in section.cards:
        if not failure(card):
            by_method.setdefault(str(card["method"]), {})[int(card.get("pair") or 0)] = card
    null = by_method.get(NULL, {})
    found: dict[str, dict[str, Gain]] = {}
    for method, cards in by_method.items():
        if method in (*REFERENCES, NULL):
            continue
        own = {}
        for metric in section.headline:
            both = [
                (_distance(section, null[pair], metric), _distance(section, card, metric))
                for pair, card in cards.items()
                if pair in null
            ]
            known = [a - b for a, b in both if a is not None and b is not None]
            if len(known) > 1:
                own[metric] = Gain(*interval(known), len(known))
        if own:
            found[method] = own
    return found


def _distance(section: Section, card: Record, metric: str) -> float | None:
    """How far a card's value is from the oracles of its pair."""
    value = finite(card["values"].get(metric))
    if value is None:
        return None
    better = section.scores.get(metric, {}).get("better")
    if better in ("lower", "higher"):
        return value if better == "lower" else -value
    oracles = [o for o in map(finite, card.get("oracle", {}).get(metric) or ()) if o is not None]
    return abs(value - fmean(oracles)) if oracles else None
