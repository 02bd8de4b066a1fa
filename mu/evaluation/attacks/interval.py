"""A classifier with two thresholds: it calls a value member by whether an interval holds it."""

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.signals import Ids


def best_run(weights: ArrayLike) -> tuple[int, int, float]:
    """(start, end, sum) of the consecutive run with the largest sum, end excluded.

    Example:
        >>> best_run([1.0, -2.0, 3.0, -1.0, 2.0])
        (2, 5, 4.0)
    """
    sums = np.concatenate([[0.0], np.cumsum(np.asarray(weights, dtype=np.float64))])
    lowest = np.minimum.accumulate(sums)
    end = int(np.argmax(sums - lowest))
    start = int(np.argmin(sums[: end + 1]))
    return start, end, float(sums[end] - sums[start])


class IntervalClassifier:
    """The interval of one feature that has the best balanced accuracy, inside or outside.

    Found exactly, in O(n log n): among sorted values, with weights 1/n_1 for class 1 and -1/n_0 for
    class 0, the run of largest sum is the best interval for class 1, that of the negated weights
    the best for class 0. Interval ends lie midway between neighbouring values.

    Example:
        >>> spread = [[-3.0], [-2.0], [2.0], [3.0], [-1.0], [0.0], [1.0]]
        >>> attacker = IntervalClassifier().fit(spread, [1, 1, 1, 1, 0, 0, 0])
        >>> attacker.predict([[-9.0], [0.5], [9.0]]).tolist()
        [1, 0, 1]
    """

    def fit(self, x: ArrayLike, y: ArrayLike) -> "IntervalClassifier":
        """Find the interval; `x` (n, 1), `y` (n,) of 0 and 1, both present."""
        values, place = np.unique(np.ravel(x), return_inverse=True)
        label = np.asarray(y)
        share = np.where(label == 1, 1.0 / np.sum(label == 1), -1.0 / np.sum(label == 0))
        weights = np.bincount(place, share)
        runs = {inside: best_run(weights if inside else -weights) for inside in (1, 0)}
        self.inside = max(runs, key=lambda inside: runs[inside][2])
        start, end, _ = runs[self.inside]
        edges = np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2, [np.inf]])
        self.low, self.high = edges[start], edges[end]
        return self

    def predict(self, x: ArrayLike) -> Ids:
        """0 or 1 per row of `x`, (n,)."""
        values = np.ravel(np.asarray(x, dtype=np.float64))
        held = (values > self.low) & (values < self.high)
        return np.where(held, self.inside, 1 - self.inside)
