"""Every number of every pair: one record a request, step, method, pair and score."""

import math
from collections.abc import Iterator
from statistics import fmean
from typing import NamedTuple

from mu.results.results import Results
from mu.results.words import ORACLE


class PairRow(NamedTuple):
    """One score of one row of one pair; None where there is no number.

    Attributes:
        block, request, step, data, model, method, pair, seed: What it is about; steps and pairs
            count from 0, and ``seed`` is that of training.
        metric: Name of the score; empty where a row failed and has none.
        value: Of the method, or of the oracles the mean, each scored against the others.
        oracle: Mean over the oracles of the pair.
        gap: Value minus that mean; None for the oracles themselves.
        error: Why there are no values; empty where there are.
    """

    block: int
    request: str
    step: int
    data: str
    model: str
    method: str
    pair: int
    seed: int
    metric: str
    value: float | None
    oracle: float | None
    gap: float | None
    error: str


def pair_rows(results: Results) -> Iterator[PairRow]:
    """The records of all cards, in their order; of a failed row one, with its reason."""
    for card in results.cards:
        place = (*card.place, card.data, card.model, card.method, card.pair, card.seed)
        if card.error:
            yield PairRow(*place, "", None, None, None, card.failure())
            continue
        for metric in card.values:
            value = math.inf if card.infinite(metric) else card.number(metric)
            listed = card.oracle_values(metric)
            oracle = fmean(listed) if listed else None
            missing = value is None or oracle is None or card.method == ORACLE
            gap = None if missing else value - oracle  # type: ignore[operator]
            yield PairRow(*place, metric, value, oracle, gap, "")
