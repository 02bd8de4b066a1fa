"""From how many rows on solving anew is cheaper than correcting the inverse, on this machine."""

import time
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from mu.analytic.inverse import Inverse, correction, factor, solution
from mu.analytic.statistics import Intake, Statistics

TRIED = (16, 128)  # rows at which a correction is timed; its cost is a straight line between


@lru_cache(maxsize=16)
def crossover(features: int, classes: int) -> int:
    """Rows of a request from which it is solved anew.

    Both sides are timed once, on as many features and classes: one factorisation with its solution,
    and corrections by few and by many rows.
    """
    rng = np.random.default_rng(0)
    classes = max(classes, 2)
    x = rng.random((max(TRIED), features))
    rows = Intake(1.0, x, rng.integers(0, classes, len(x)))
    statistics = Statistics.empty(features).changed([rows])
    weight = np.zeros((features, classes))
    solve = best(lambda: solution(factor(statistics.gram, 1.0), weight))
    inverse = Inverse.of(factor(statistics.gram, 1.0), 0)

    def correct(k: int) -> float:
        few = Intake(1.0, x[:k], rows.labels[:k])

        def once() -> None:
            z, _ = correction(inverse, 0, few, weight)
            inverse.fold(z * 0.0, np.ones(k))

        return best(once)

    first, last = map(correct, TRIED)
    slope = max((last - first) / (TRIED[1] - TRIED[0]), 1e-9)
    return max(1, int(TRIED[0] + (solve - first) / slope))


def best(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of the fastest of a few runs."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
