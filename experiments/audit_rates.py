"""How often an audit accuses, and what its bound allows: the tables of docs/audit.md.

Usage: python experiments/audit_rates.py [AUDITS]

Models differ by noise: the margin of a sample is its difficulty, normal noise of each model's own,
and, on what was to be forgotten, how much the model still knows of it (0: retrained, 1: the
original). Seed 0; ± is 1.96 Monte-Carlo errors. Half a minute on one core with 600 audits a line.
"""

import sys
from collections.abc import Iterator

import numpy as np

from mu.auditing.membership import Membership, at_most_left, membership
from mu.auditing.retrains import against_retrains
from mu.evaluation.signals import Signals

SIZES = ((28, 80, 3), (28, 80, 10), (216, 539, 1), (216, 539, 3), (216, 539, 10))
KEPT = 0.4  # of the original's margin
DRAWS = 4000  # of the t line


def said(rng: np.random.Generator, hard: np.ndarray, forgotten: int, knows: float = 0.0) -> Signals:
    """What a model says of two classes."""
    z = hard + rng.normal(size=len(hard)) + knows * (np.arange(len(hard)) < forgotten)
    logits = np.stack([z, np.zeros(len(z))], axis=1)
    return Signals(np.arange(len(z)), logits, np.zeros(len(z), int))


def audits(m: int, u: int, k: int, count: int) -> Iterator[list[Membership]]:
    """Of a retrained model, one that keeps a part, and the original, before the same oracles."""
    rng = np.random.default_rng(0)
    forget, unseen = np.arange(m), np.arange(m, m + u)
    for _ in range(count):
        hard = rng.normal(2, 2, size=m + u)
        oracles = [said(rng, hard, m) for _ in range(k)]
        models = [said(rng, hard, m, knows) for knows in (0.0, KEPT, 1.0)]
        yield [membership(one, oracles, forget, unseen) for one in models]


def rate(found: list[bool]) -> str:
    """A frequency with its Monte-Carlo error."""
    share = float(np.mean(found))
    return f"{share:.2f} ± {1.96 * (share * (1 - share) / len(found)) ** 0.5:.2f}"


def membership_table(count: int) -> None:
    """Accusations, and bounds below what may be left."""
    print(
        "| forgotten, unseen, oracles | retrained accused | .4 kept, found | original found |",
        end="",
    )
    print(" bound below .4 for a retrain | … where .4 is kept |\n|---|---|---|---|---|---|")
    for m, u, k in SIZES:
        found = list(audits(m, u, k, count))
        accused = [[one.pvalue() < 0.05 for one in each] for each in zip(*found, strict=True)]
        bounds = [[at_most_left(each[i], each[2]) < KEPT for each in found] for i in (0, 1)]
        cells = [rate(one) for one in (*accused, *bounds)]
        print(f"| {m}, {u}, {k} | {' | '.join(cells)} |")


def line_table() -> None:
    """How often the t line of k oracles leaves another draw outside."""
    rng = np.random.default_rng(0)
    laws = {
        "normal": lambda size: rng.normal(size=size),
        "skewed (log-normal, σ = .5)": lambda size: rng.lognormal(sigma=0.5, size=size),
    }
    print("\n| values | 3 oracles | 5 | 10 |\n|---|---|---|---|")
    for name, draw in laws.items():
        values = [draw((DRAWS, k + 1)) for k in (3, 5, 10)]
        cells = [rate([outside(one) for one in each]) for each in values]
        print(f"| {name} | {' | '.join(cells)} |")
    for n, share in ((7, 0.97), (28, 0.1), (216, 0.1), (216, 0.5)):
        drawn = [rng.binomial(n, share, size=(DRAWS, k + 1)) / n for k in (3, 5, 10)]
        cells = [rate([outside(one, n) for one in each]) for each in drawn]
        print(f"| share {share} of {n} | {' | '.join(cells)} |")


def outside(values: np.ndarray, size: int | None = None) -> bool:
    """Whether the first lies outside the line of the others, at 5 %."""
    return against_retrains(float(values[0]), list(values[1:]), size).pvalue() < 0.05


if __name__ == "__main__":
    membership_table(int(sys.argv[1]) if len(sys.argv) > 1 else 600)
    line_table()
