"""How far selections agree: over pairs of seeds, and between requests."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from statistics import mean
from typing import Any

from mu.configuration.experiment import Block
from mu.forget_sets.wants import wants
from mu.results.card import Card
from mu.results.words import ORIGINAL
from mu.storing.store import Store

# What a set that was searched for has to beat: the lowest losses of another model, and chance.
BASES: tuple[Callable[[dict[str, Any]], bool], ...] = (
    lambda request: (
        request.get("_target_", "").endswith(".LossSet") and request["order"] == "lowest"
    ),
    lambda request: request.get("_target_", "").endswith(".RandomSet"),
)
Sets = Mapping[tuple[str, int], frozenset[int]]


def overlaps(blocks: Sequence[Block], store: Store, cards: Sequence[Card]) -> list[dict[str, Any]]:
    """For each block in which models select: overlap of its sets, as a share of the smaller one.

    ``baselines`` names the requests that the others are to be compared with.

    The entry of a request with itself is the mean over pairs of pairs, with others the mean over
    the pairs; ``chance`` is the share of all elements that the larger of two sets has.
    """
    found = []
    for number, block in enumerate(blocks):
        names = [n for n, parts in block.requests.items() if len(parts) == 1]
        if not any(wants(block.requests[name][0]) for name in names):
            continue
        own = [c for c in cards if c.block == number and c.request in names]
        sets: dict[tuple[str, int], frozenset[int]] = {}
        share: dict[str, float] = {}
        for card in own:
            key = card.keys.selection
            if card.method != ORIGINAL or not key or not card.n_forget:
                continue
            selection = store.load("select", key)
            sets[card.request, card.pair] = frozenset(selection.arrays["elements"].tolist())
            share[card.request] = card.n_forget / (card.n_forget + (card.n_retain or 0))
        names = [name for name in names if name in share]
        values = [[mean_overlap(sets, one, other) for other in names] for one in names]
        chance = [[max(share[one], share[other]) for other in names] for one in names]
        if names:
            base = [n for kind in BASES for n in names if kind(block.requests[n][0])]
            entry = {"block": number, "names": names, "values": values, "chance": chance}
            found.append(entry | {"baselines": base})
    return found


def mean_overlap(sets: Sets, one: str, other: str) -> float | None:
    """Mean overlap of two requests pair by pair, or of one with itself over other pairs.

    Example:
        >>> sets = {("a", 0): frozenset({1, 2}), ("a", 1): frozenset({2, 3})}
        >>> mean_overlap(sets, "a", "a")
        0.5
    """
    pairs = sorted({pair for _, pair in sets})
    both = combinations(pairs, 2) if one == other else ((pair, pair) for pair in pairs)
    known = [(a, b) for p, q in both if (a := sets.get((one, p))) and (b := sets.get((other, q)))]
    if not known:
        return None
    return mean(len(a & b) / min(len(a), len(b)) for a, b in known)
