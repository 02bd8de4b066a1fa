"""Budgets as a set of weights: {0 ≤ w ≤ 1, Σ w = m}, its projection and its corners."""

import numpy as np
from numpy.typing import ArrayLike

from mu.errors import UsageError
from mu.evaluation.signals import Floats, Ids


def check_weights(values: ArrayLike, budget: float) -> Floats:
    """(n,) finite float64 values that a budget fits.

    Raises:
        UsageError: Another shape, a value that is not finite, or a budget outside [0, n].
    """
    found = np.asarray(values, np.float64)
    if found.ndim != 1:
        raise UsageError(f"values of shape {found.shape} are not one value an element")
    wrong = np.flatnonzero(~np.isfinite(found))
    if len(wrong):
        raise UsageError(f"value {wrong[0]} is {found[wrong[0]]}; every value must be finite")
    if not 0 <= budget <= len(found):
        raise UsageError(f"budget={budget} is not between 0 and {len(found)}, the number of values")
    return found


def project(values: ArrayLike, budget: float) -> Floats:
    r"""The nearest point of {0 ≤ w ≤ 1, Σ w = m}, exact up to rounding.

    .. math:: w_i = \min(1, \max(0, a_i - \mu)), \qquad \sum_i w_i = m

    The sum is piecewise linear in μ, with kinks at a_i and a_i − 1: sorted once, they bracket μ,
    and the piece gives it. O(n log n), float64. The published code bisects (arXiv 2403.07362).

    Args:
        values: (n,) values a.
        budget: M in [0, n]; need not be whole.

    Returns:
        (n,) weights.

    Raises:
        UsageError: See `check_weights`.

    Example:
        >>> project([0.9, 0.4, -2.0], 1)
        array([0.75, 0.25, 0.  ])
    """
    a = check_weights(values, budget)
    if budget in (0, len(a)):
        return np.full(len(a), 1.0 if budget else 0.0)
    a = a - np.median(a)  # sums of large values would lose what tells the small ones apart
    up = np.sort(a)
    sums = np.concatenate([[0.0], np.cumsum(up)])
    kinks = np.sort(np.concatenate([up, up - 1]))
    full = np.searchsorted(up, kinks + 1, side="left")  # from here on the weight is 1
    none = np.searchsorted(up, kinks, side="right")  # up to here it is 0
    totals = len(a) - full + (sums[full] - sums[none]) - kinks * (full - none)
    piece = int(np.searchsorted(-totals, -budget, side="right")) - 1
    low, high = kinks[max(piece, 0)], kinks[min(piece + 1, len(kinks) - 1)]
    middle = (low + high) / 2
    ones, inside = a - middle >= 1, (a > middle) & (a - middle < 1)
    shift = middle
    if inside.any():
        shift = np.clip((a[inside].sum() + ones.sum() - budget) / inside.sum(), low, high)
    found: Floats = np.clip(a - shift, 0.0, 1.0)
    return found


def top_m(w: ArrayLike, budget: int) -> Ids:
    """Places of the m largest weights, sorted; among equals the lowest places.

    Args:
        w: (n,) weights.
        budget: M, a whole number in [0, n].

    Raises:
        UsageError: See `check_weights`.

    Example:
        >>> top_m([0.2, 0.9, 0.2], 2)
        array([0, 1])
    """
    values = check_weights(w, budget)
    order = np.lexsort((np.arange(len(values)), -values))
    return np.sort(order[: int(budget)]).astype(np.int64)


def upper_step(w: ArrayLike, losses: ArrayLike, step: float, gamma: float, budget: float) -> Floats:
    r"""One step of the upper level and its projection.

    .. math:: w \leftarrow \Pi\big(w - \eta\,(\ell + 2 \gamma w)\big)

    With a lower level of sign steps the implicit gradient vanishes almost everywhere, and this is
    the whole hypergradient (arXiv 2403.07362). η → ∞ gives the m lowest losses.

    Args:
        w: (n,) weights.
        losses: (n,) losses ℓ of the model that forgot with them.
        step: η, absolute.
        gamma: γ.
        budget: M.

    Raises:
        UsageError: See `check_weights`.

    Example:
        >>> upper_step([1.0, 0.0], [2.0, 0.5], step=10.0, gamma=0.0, budget=1)
        array([0., 1.])
    """
    w = np.asarray(w, np.float64)
    return project(w - step * (np.asarray(losses, np.float64) + 2 * gamma * w), budget)
