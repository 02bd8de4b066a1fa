"""Cards of a made-up request, for the tests of verdicts: two forgetting scores and a utility."""

from typing import Any

import records

from mu.results.card import Card
from mu.results.rows import Row, Verdict
from mu.results.verdicts import tabulate

PANEL: dict[str, Any] = {
    "scores": {
        "ua": {"title": "UA", "kind": "forgetting", "headline": True, "margin": 0.02}
        | {"decisive": True, "better": "oracle"},
        "kl": {"title": "KL", "kind": "forgetting", "headline": True, "margin": None}
        | {"decisive": True, "better": "lower"},
        "ta": {"title": "TA", "kind": "utility", "headline": True, "margin": 0.02}
        | {"better": "oracle"},
        "ba": {"title": "BA", "kind": "forgetting", "headline": False, "margin": None},
        "cost/passes": {"title": "passes", "kind": "cost", "headline": False, "margin": None},
    }
}
NOISE = (0.002, -0.003, 0.001, 0.0, -0.001, 0.002, 0.001, -0.002)
CENTRE = {"ua": 0.5, "kl": 0.1, "ta": 0.9}
ORIGINAL = {"ua": 0.0, "kl": 0.6, "ta": 0.9}
# What a retrained model has in eight pairs, beside the oracles' mean.
LIKE = {
    "ua": (0.003, -0.001, 0.001, -0.002, 0.002, 0.0, -0.003, 0.001),
    "kl": (0.001, -0.002, 0.002, 0.001, -0.001, 0.0, 0.002, -0.001),
    "ta": (0.002, -0.002, 0.001, 0.0, -0.001, 0.002, -0.001, 0.001),
}


def card(method: str, pair: int, digest: str | None = None, **values: float | None) -> Card:
    """A finished card whose three oracles are at `CENTRE`, up to the pair's noise."""
    oracle = {k: [v + NOISE[pair] + d for d in (-0.002, 0.0, 0.002)] for k, v in CENTRE.items()}
    return records.card(
        method=method,
        seed=pair,
        pair=pair,
        values={"cost/passes": 0.1, **values},
        oracle=oracle,
        forget_digest=f"set {pair}" if digest is None else digest,
    )


def at(pair: int, **gaps: float) -> dict[str, float]:
    """Values so far from the oracles of a pair."""
    return {name: CENTRE[name] + NOISE[pair] + gap for name, gap in gaps.items()}


def table(pairs: int = 3, digest: str | None = None, **gaps: Any) -> list[Card]:
    """Cards of the reference rows and of a method that is so far from the oracles.

    Args:
        pairs: How many.
        digest: Of the forget set, where all pairs have one.
        gaps: Per score a number, or one for each pair.
    """
    cards = []
    for pair in range(pairs):
        wobble = 0.001 * (pair % 3)
        start = {name: value + wobble for name, value in ORIGINAL.items()}
        cards += [
            card("original", pair, digest, **start),
            card("random_weights", pair, digest, ua=0.9 + wobble, kl=2.0, ta=0.1 + wobble),
            card("oracle", pair, digest, **CENTRE),
        ]
        if gaps:
            own = {n: g[pair] if isinstance(g, tuple) else g for n, g in gaps.items()}
            cards.append(card("ours", pair, digest, **at(pair, **own)))
    return cards


def rows_of(cards: list[Card], panel: dict[str, Any] = PANEL) -> dict[tuple[str, str], Row]:
    """Rows by method and score."""
    return {(row.method, row.metric): row for row in tabulate(cards, panel)[0]}


def verdicts_of(cards: list[Card], panel: dict[str, Any] = PANEL) -> dict[str, Verdict]:
    """Verdicts by method."""
    return {one.method: one for one in tabulate(cards, panel)[1]}
