"""What the aggregates say: who over-forgets, who ranks first, what a search minimises."""

from collections.abc import Mapping
from statistics import fmean

from mu.results.card import Card, Facts
from mu.results.place import Place
from mu.results.results import Results
from mu.results.rows import Row
from mu.results.words import DIFFERS, NO_POWER, NOT_METHODS, ORIGINAL

Judged = tuple[Place, str]  # where, and which method


def over_forgetting(results: Results) -> set[Judged]:
    """Methods beyond the oracle: a verdict *differs* on the far side from the original.

    Counted are forgetting scores whose target is the oracles' value and that carry the verdict.
    """
    gaps = {(row.place, row.method, row.metric): row.gap for row in results.rows}
    found = set()
    for verdict in results.verdicts:
        if verdict.verdict != DIFFERS or verdict.method in NOT_METHODS:
            continue
        for score in verdict.on:
            facts = results.scores(verdict).get(score, {})
            if facts.get("kind") != "forgetting" or facts.get("better", "oracle") != "oracle":
                continue
            own = gaps.get((verdict.place, verdict.method, score))
            start = gaps.get((verdict.place, ORIGINAL, score))
            if own is not None and start is not None and own * start < 0:
                found.add((verdict.place, verdict.method))
    return found


def ranks(results: Results) -> dict[tuple[Judged, str], int]:
    """Rank of each method on each score, 1 for the smallest gap (cost: the smallest value).

    Methods whose 95 % interval of the gap overlaps that of the best of their rank share it: what
    the data do not separate is a tie. Reference rows, the null row and scores without power have
    no rank.
    """
    tables: dict[tuple[Place, str], list[tuple[float, Row]]] = {}
    for row in results.rows:
        if row.method in NOT_METHODS or row.verdict == NO_POWER:
            continue
        size = row.mean if row.metric.startswith("cost/") else row.gap
        if size is not None:
            tables.setdefault((row.place, row.metric), []).append((size, row))
    found = {}
    for (place, metric), sized in tables.items():
        best = rank = None
        for number, one in enumerate(sorted(sized, key=lambda one: abs(one[0])), start=1):
            if best is None or not _tied(best, one):
                best, rank = one, number
            found[(place, one[1].method), metric] = rank or number
    return found


def _tied(a: tuple[float, Row], b: tuple[float, Row]) -> bool:
    """Whether two intervals overlap, each mirrored to the positive side; without them: equal."""
    one, other = _away(*a), _away(*b)
    if one is None or other is None:
        return abs(a[0]) == abs(b[0])
    return one[0] <= other[1] and other[0] <= one[1]


def _away(size: float, row: Row) -> tuple[float, float] | None:
    cost = row.metric.startswith("cost/")
    low, high = (row.low, row.high) if cost else (row.gap_low, row.gap_high)
    if low is None or high is None:
        return None
    return (low, high) if size >= 0 else (-high, -low)


def objective(results: Results) -> float | None:
    """The validation oracle gap that a search minimises: mean distance to the oracles.

    Of each cell the panel's summary that is lower the nearer (``avg_gap``); without one the mean
    |value − oracles' mean| over the headline scores whose target is the oracles' value. What looks
    at test data is left out, a summary made of it too. Rows that are no methods do not count.

    Returns:
        The mean over all cells; None when one failed (the rest would flatter it) or none counts.
    """
    gaps = []
    for card in results.cards:
        if card.method in NOT_METHODS:
            continue
        scores = results.scores(card)
        gap = None if card.failure(scores) else cell_gap(card, scores)
        if gap is None:
            return None
        gaps.append(gap)
    return fmean(gaps) if gaps else None


def cell_gap(card: Card, scores: Mapping[str, Facts]) -> float | None:
    """Mean distance of one cell to its oracles, None where there is no number."""
    gaps = []
    for score, facts in scores.items():
        own, oracles = card.number(score), card.oracle_values(score)
        if own is None or "test" in facts["reads"]:
            continue
        if facts["family"] == "summary" and facts["better"] == "lower":
            return own
        if facts["headline"] and facts["better"] == "oracle" and oracles:
            gaps.append(abs(own - fmean(oracles)))
    return fmean(gaps) if gaps else None
