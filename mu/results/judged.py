"""What the aggregates say: who over-forgets, who ranks first, what a search minimises."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from mu.results.format import finite
from mu.tracking.rows import JOB_TYPES, failure, oracle_values

Results = Mapping[str, Any]
Row = Mapping[str, Any]
Place = tuple[int, str, int, str]  # block, request, step, method


def place(record: Row) -> Place:
    """Block, request, step and method of a card, row or verdict."""
    step = int(record.get("step") or 0)
    return int(record.get("block") or 0), record["request"], step, record["method"]


def scores_of(results: Results) -> dict[int, Mapping[str, Any]]:
    """The panel's scores of each block."""
    return {
        int(card.get("block") or 0): results["panel"].get(card.get("panel"), {}).get("scores", {})
        for card in results["cards"]
    }


def over_forgetting(results: Results) -> set[Place]:
    """Methods beyond the oracle: a verdict *differs* on the far side from the original.

    Counted are forgetting scores whose target is the oracles' value and that carry the verdict.
    """
    gaps = {(*place(row), row["metric"]): finite(row["gap"]) for row in results["rows"]}
    scores, found = scores_of(results), set()
    for verdict in results["verdicts"]:
        if verdict["verdict"] != "differs":
            continue
        block, request, step, method = place(verdict)
        for score in verdict["on"]:
            facts = scores.get(block, {}).get(score, {})
            if facts.get("kind") != "forgetting" or facts.get("better", "oracle") != "oracle":
                continue
            own = gaps.get((block, request, step, method, score))
            start = gaps.get((block, request, step, "original", score))
            if own is not None and start is not None and own * start < 0:
                found.add((block, request, step, method))
    return found


def ranks(results: Results) -> dict[tuple[Place, str], int]:
    """Rank of each method on each score, 1 for the smallest gap (cost: the smallest value).

    Methods whose 95 % interval of the gap overlaps that of the best of their rank share it: what
    the data do not separate is a tie. Reference rows and scores without power have no rank.
    """
    tables: dict[tuple[int, str, int, str], list[Row]] = {}
    for row in results["rows"]:
        cost = row["metric"].startswith("cost/")
        if row["method"] in JOB_TYPES or row["verdict"] == "no power here":
            continue
        if finite(row["mean" if cost else "gap"]) is not None:
            tables.setdefault((*place(row)[:3], row["metric"]), []).append(row)
    found = {}
    for (*_, metric), rows in tables.items():
        cost = metric.startswith("cost/")
        middle, low, high = ("mean", "low", "high") if cost else ("gap", "gap_low", "gap_high")
        ordered = sorted(rows, key=lambda row: abs(row[middle]))
        best = rank = None
        for number, row in enumerate(ordered, start=1):
            if best is None or not _tied(best, row, middle, low, high):
                best, rank = row, number
            found[place(row), metric] = rank or number
    return found


def _tied(a: Row, b: Row, middle: str, low: str, high: str) -> bool:
    """Whether two intervals overlap, each mirrored to the positive side; without them: equal."""
    one, other = _away(a, middle, low, high), _away(b, middle, low, high)
    if one is None or other is None:
        return bool(abs(a[middle]) == abs(b[middle]))
    return one[0] <= other[1] and other[0] <= one[1]


def _away(row: Row, middle: str, low: str, high: str) -> tuple[float, float] | None:
    bounds = finite(row[low]), finite(row[high])
    if bounds[0] is None or bounds[1] is None:
        return None
    return (bounds[0], bounds[1]) if row[middle] >= 0 else (-bounds[1], -bounds[0])


def objective(results: Results) -> float | None:
    """The validation oracle gap that a search minimises: mean distance to the oracles.

    Of each cell the panel's summary that is lower the nearer (``avg_gap``); without one the mean
    |value − oracles' mean| over the headline scores whose target is the oracles' value. What looks
    at test data is left out, a summary made of it too. Reference rows do not count.

    Returns:
        The mean over all cells; None when one failed (the rest would flatter it) or none counts.
    """
    gaps = []
    for card in results["cards"]:
        if card["method"] in JOB_TYPES:
            continue
        panel = results["panel"].get(card.get("panel"), {})
        gap = None if failure(card, panel) else cell_gap(card, panel.get("scores", {}))
        if gap is None:
            return None
        gaps.append(gap)
    return fmean(gaps) if gaps else None


def cell_gap(card: Row, scores: Mapping[str, Any]) -> float | None:
    """Mean distance of one cell to its oracles, None where there is no number."""
    values = card.get("values") or {}
    gaps = []
    for score, facts in scores.items():
        own, oracles = finite(values.get(score)), oracle_values(card, score)
        if own is None or "test" in facts["reads"]:
            continue
        if facts["family"] == "summary" and facts["better"] == "lower":
            return own
        if facts["headline"] and facts["better"] == "oracle" and oracles:
            gaps.append(abs(own - fmean(oracles)))
    return fmean(gaps) if gaps else None
