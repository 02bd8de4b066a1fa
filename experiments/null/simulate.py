"""How often the rule of verdicts is wrong where the truth is known: its size and coverage.

    python experiments/null/simulate.py [draws=4000]

Prints three tables of `experiments/null/README.md`. Nothing is trained.
"""

import math
import sys
from collections.abc import Callable

import numpy as np

from mu.results.rule import Measured, contrast, within_margin

PAIRS = (3, 5, 10)
SIZES = (7, 20, 50, 1000)
Draw = Callable[[np.random.Generator, int], Measured]


def rate(draw: Draw, hit: Callable[[Measured], bool], n: int, draws: int) -> float:
    """How often a draw of n pairs is a hit."""
    rng = np.random.default_rng([n, draws])
    return sum(hit(draw(rng, n)) for _ in range(draws)) / draws


def covers(one: Measured, truth: float) -> bool:
    """Whether the 95 % interval of the gap holds the truth."""
    low, high = contrast(one).interval()
    return low <= truth <= high


def shares(size: int, own: float, oracle: float) -> Draw:
    """Shares of errors counted over so many samples, of a row and of three oracles a pair."""

    def draw(rng: np.random.Generator, n: int) -> Measured:
        row = rng.binomial(size, own, n) / size
        return Measured(row, [], rng.binomial(size, oracle, (n, 3)) / size, size=size)

    return draw


def normal(wider: float, k: int = 3, shared: bool = False) -> Draw:
    """Normal values; the variance of the row is `wider` times that of an oracle."""

    def draw(rng: np.random.Generator, n: int) -> Measured:
        oracles = np.tile(rng.normal(size=k), (n, 1)) if shared else rng.normal(size=(n, k))
        return Measured(math.sqrt(wider) * rng.normal(size=n), [], oracles, shared=shared)

    return draw


def table(title: str, rows: dict[str, list[float]]) -> None:
    """One Markdown table over numbers of pairs."""
    print(f"\n| {title} | " + " | ".join(f"n = {n}" for n in PAIRS) + " |")
    print("| --- |" + " --- |" * len(PAIRS))
    for name, found in rows.items():
        print(f"| {name} | " + " | ".join(f"{one:.3f}" for one in found) + " |")


def main(draws: int) -> None:
    """Print the tables."""
    edges = {size: max(0.02, 2 / size) for size in SIZES}
    size = {
        f"{m} samples, true gap {edges[m]:.2f}": [
            rate(shares(m, edges[m], 0.0), within_margin, n, draws) for n in PAIRS
        ]
        for m in SIZES
    }
    table("called within max(.02, 2/N), at its edge (.05)", size)
    cover = {
        f"{m} samples, shares .05": [
            rate(shares(m, 0.05, 0.05), lambda one: covers(one, 0.0), n, draws) for n in PAIRS
        ]
        for m in SIZES
    }
    for wider in (1, 2, 4, 9):
        cover[f"normal, variance {wider} × an oracle's"] = [
            rate(normal(wider), lambda one: covers(one, 0.0), n, draws) for n in PAIRS
        ]
    for k in (2, 3, 5):
        cover[f"normal, {k} oracles shared by all pairs"] = [
            rate(normal(1, k, shared=True), lambda one: covers(one, 0.0), n, draws) for n in PAIRS
        ]
    table("coverage of the 95 % interval of the gap", cover)
    error = (0.05 * 0.95 / draws) ** 0.5
    print(f"\n{draws} draws each: a rate of .05 has the standard error {error:.3f}.")


if __name__ == "__main__":
    given = dict(word.split("=", 1) for word in sys.argv[1:])
    main(int(given.get("draws", 4000)))
