"""How well one group of scores ranks above another: AUC and average precision, exact with ties."""

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.signals import Floats


def _scores(values: ArrayLike) -> Floats:
    array = np.sort(np.asarray(values, dtype=np.float64).ravel())
    if len(array) and np.isnan(array[-1]):
        raise ValueError("scores to rank hold nan")
    return array


def auc(positive: ArrayLike, negative: ArrayLike) -> float:
    """P(positive > negative) + ½ P(equal) over all pairs; nan when a side is empty.

    Args:
        positive: (n,) scores that should be high.
        negative: (m,) scores that should be low.

    Raises:
        ValueError: A score is nan.

    Example:
        >>> auc([3.0, 1.0], [1.0, 0.0])
        0.875
    """
    high, low = _scores(positive), _scores(negative)
    if not len(high) or not len(low):
        return float("nan")
    below = np.searchsorted(low, high, side="left").sum()
    not_above = np.searchsorted(low, high, side="right").sum()
    return float((below + not_above) / (2.0 * len(high) * len(low)))


def average_precision(positive: ArrayLike, negative: ArrayLike) -> float:
    """Σ (R_i - R_{i-1}) P_i over the distinct scores, highest first; nan if a side is empty.

    Args:
        positive: (n,) scores of label 1.
        negative: (m,) scores of label 0.

    Raises:
        ValueError: A score is nan.
    """
    high, low = _scores(positive), _scores(negative)
    if not len(high) or not len(low):
        return float("nan")
    levels, hits = np.unique(high, return_counts=True)
    found = len(high) - np.searchsorted(high, levels, side="left")
    false = len(low) - np.searchsorted(low, levels, side="left")
    return float(np.sum(hits * found / (found + false)) / len(high))
