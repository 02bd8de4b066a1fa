"""Means over pairs (training seed, forget set) with honest t intervals, tests and corrections."""

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.signals import Floats
from mu.results.estimate import NAN, Estimate

ROUNDING = 1e-12  # differences below this, relative to values around 1, are rounding


def deviation(values: ArrayLike) -> float:
    """The standard deviation (n - 1), exactly 0 where values differ by rounding only."""
    found = np.asarray(values, dtype=np.float64).tolist()
    if not all(map(math.isfinite, found)):
        return NAN
    least, most = min(found), max(found)
    if most - least <= ROUNDING * max(1.0, -least, most):
        return 0.0
    mean = sum(found) / len(found)  # a page asks for thousands, and NumPy's takes 10 µs each
    squares = ((value - mean) * (value - mean) for value in found)  # ** raises where this is inf
    return math.sqrt(sum(squares) / (len(found) - 1))


def _by(labels: Sequence[Hashable], values: Floats) -> Floats:
    """The mean of the values under each distinct label."""
    groups: dict[Hashable, list[float]] = {}
    for label, value in zip(labels, values, strict=True):
        groups.setdefault(label, []).append(float(value))
    # most labels stand alone, and NumPy takes long for the mean of one
    return np.array([np.mean(group) if len(group) > 1 else group[0] for group in groups.values()])


def estimate(
    values: ArrayLike,
    seeds: Sequence[Hashable] | None = None,
    sets: Sequence[Hashable] | None = None,
) -> Estimate:
    """The mean of finite values over units of replication, with its standard error.

    Values with the same seed and set are averaged first. One set for all: units are the seeds,
    the result is conditional on that set. Every pair its own seed and set: units are the pairs.
    Otherwise (crossed) n = min(distinct seeds, distinct sets): values are averaged within the
    scarcer factor, and the squared error is the sum of both factors' (means over seeds, means over
    sets), since either alone ignores the other's variance.

    Args:
        values: (m,); entries that are not finite are dropped.
        seeds: (m,) training seed of each value; None: all distinct.
        sets: (m,) forget set of each value; None: all distinct.
    """
    array = np.asarray(values, dtype=np.float64).ravel()
    kept = [place for place in range(len(array)) if math.isfinite(array[place])]
    if not kept:
        return Estimate()
    seed = [place if seeds is None else seeds[place] for place in kept]
    group = [place if sets is None else sets[place] for place in kept]
    cells = list(dict.fromkeys(zip(seed, group, strict=True)))
    cell = _by(list(zip(seed, group, strict=True)), array[kept])
    over_seeds, over_sets = (_by([key[factor] for key in cells], cell) for factor in (0, 1))
    units = over_seeds if len(over_sets) == 1 or len(over_seeds) <= len(over_sets) else over_sets
    mean, n = float(units.mean()), len(units)
    if n < 2:
        return Estimate(mean, n=n)
    if len(over_sets) == 1 or len(over_seeds) == len(over_sets) == len(cells):
        return Estimate(mean, deviation(units) / math.sqrt(n), n - 1, n)
    variance = sum(deviation(side) ** 2 / len(side) for side in (over_seeds, over_sets))
    return Estimate(mean, math.sqrt(variance), n - 1, n)


def holm(pvalues: ArrayLike) -> Floats:
    """Holm's (1979) step-down adjusted p-values, in the order given; nan stay nan.

    Example:
        >>> holm([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]
    """
    raw = np.asarray(pvalues, dtype=np.float64).ravel()
    adjusted = np.full(len(raw), NAN)
    order = np.argsort(raw, kind="stable")[: int(np.isfinite(raw).sum())]
    steps = raw[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
