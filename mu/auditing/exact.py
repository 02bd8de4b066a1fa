"""Exact intervals of shares, and how strong a privacy promise two rates leave standing."""

import math

import numpy as np
from numpy.typing import ArrayLike

from mu.errors import UsageError
from mu.evaluation.signals import Floats

LEVEL = 0.95


def exact_interval(hits: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """The interval of Clopper and Pearson of a share; it covers at least `level`, at any size.

    Args:
        hits: Samples that count.
        n: Samples in all.
        level: Of confidence.

    Raises:
        UsageError: More hits than samples, no sample, or a level outside (0, 1).

    Example:
        >>> low, high = exact_interval(0, 7)
        >>> low, round(high, 3)
        (0.0, 0.41)
    """
    from scipy.special import betaincinv

    if not 0 <= hits <= n or n < 1 or not 0 < level < 1:
        raise UsageError(f"{hits} of {n} at level {level} is no share")
    tail = (1 - level) / 2
    low = float(betaincinv(hits, n - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1 - tail)) if hits < n else 1.0
    return low, high


def epsilon_bound(forget: ArrayLike, unseen: ArrayLike, level: float = LEVEL) -> float:
    r"""The least ε that these values leave possible, with confidence `level`.

    If whether a sample was forgotten or never there changed the chance of no outcome by more than
    e^ε, no threshold could find a share TPR of the forgotten above it and FPR of the unseen with

    .. math:: \ln \frac{\mathrm{TPR}}{\mathrm{FPR}} > ε

    The threshold is chosen on one half of the samples. The bound is the logarithm of the exact
    lower limit of TPR over the exact upper limit of FPR, both on the other half.

    Args:
        forget: (m,) values of D_f, high for members.
        unseen: (u,) values of samples never seen.
        level: Of confidence.

    Returns:
        The bound, 0 where nothing is shown; nan with fewer than two samples on a side.

    Example:
        >>> epsilon_bound(np.arange(200.0), np.arange(200.0))
        0.0
        >>> epsilon_bound(np.arange(200.0) + 200, np.arange(200.0)) > 3
        True
    """
    sides = [np.asarray(side, np.float64) for side in (forget, unseen)]
    if min(map(len, sides)) < 2:
        return float("nan")
    rng = np.random.default_rng(0)
    halves = [np.array_split(rng.permutation(side), 2) for side in sides]
    chosen = _strongest(halves[0][0], halves[1][0], level)
    return max(0.0, _log_ratio(halves[0][1], halves[1][1], chosen, level))


def _strongest(forget: Floats, unseen: Floats, level: float) -> float:
    """The value of a sample above which the bound would be the highest."""
    tried = np.unique(np.concatenate([forget, unseen]))
    found = [_log_ratio(forget, unseen, float(at), level) for at in tried]
    return float(tried[int(np.argmax(found))])


def _log_ratio(forget: Floats, unseen: Floats, threshold: float, level: float) -> float:
    """Logarithm of the lower limit of TPR over the upper limit of FPR; both hold with `level`."""
    hits, alarms = (int((side >= threshold).sum()) for side in (forget, unseen))
    low = exact_interval(hits, len(forget), level)[0]
    high = exact_interval(alarms, len(unseen), level)[1]
    return math.log(low / high) if low > 0 else -math.inf
