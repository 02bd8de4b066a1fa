"""Does the trunk still keep a forgotten class together, and apart from all others?"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.score import OwnScore
from mu.evaluation.signals import Floats, Signals, Split

SMALL = 0.001  # beside the deviation of a feature, so that a dead one stays so


def silhouette(features: ArrayLike, classes: ArrayLike, gone: ArrayLike) -> float:
    r"""How much nearer samples lie to the mean of their class than to the nearest other one.

    With every feature standardised over all samples, by its mean and its deviation + .001, and
    squared distances a to the mean of the own class and b to the nearest mean of another,

    .. math:: \text{mean over the class of } \frac{b - a}{\max(a, b)}

    Args:
        features: (n, d).
        classes: (n,).
        gone: The classes to look at.

    Returns:
        The mean over these classes, in [-1, 1]; nan where none of them, or no other class, occurs.

    Raises:
        ValueError: Shapes disagree.

    Example:
        >>> round(silhouette([[0.0], [2.0], [10.0], [12.0]], [0, 0, 1, 1], [0]), 6)
        0.989695
    """
    h, labels = np.asarray(features, np.float64), np.asarray(classes)
    if h.ndim != 2 or labels.shape != h.shape[:1]:
        raise ValueError(f"need features (n, d) and classes (n,): {h.shape}, {labels.shape}")
    names, place = np.unique(labels, return_inverse=True)
    asked = np.flatnonzero(np.isin(names, gone))
    if not len(asked) or len(names) < 2:
        return float("nan")
    h = (h - h.mean(axis=0)) / (h.std(axis=0) + SMALL)
    means = [h[place == one].mean(axis=0) for one in range(len(names))]
    return float(np.mean([_of_class(h[place == one], means, int(one)) for one in asked]))


def _of_class(own: Floats, means: list[Floats], place: int) -> float:
    away = np.stack([np.square(own - mean).sum(axis=1) for mean in means])
    a, b = away[place], np.delete(away, place, axis=0).min(axis=0)
    largest = np.maximum(a, b)
    return float(np.divide(b - a, largest, out=np.zeros_like(a), where=largest > 0).mean())


@dataclass(frozen=True)
class Silhouette(OwnScore):
    """`silhouette` of the classes that leave with this request, in what the head reads.

    An oracle never saw the class, and what it keeps together of it is what a trunk knows without:
    more than its value is knowledge that is left in the trunk, less was torn apart. Head and
    temperature do not enter, so a masked head changes nothing.

    nan where there are no features (the network does not end in one linear layer) or they are not
    finite, and where no class left.

    Name: Silhouette of the forgotten classes in the features.
    Formula: mean of (b - a) / max(a, b); a, b: squared distances to the own and nearest other class
        mean.
    Original: above the oracles': its trunk keeps the class together and apart.
    Oracle: lower, and mostly not 0: what a trunk tells apart that never saw the class.
    Source: Rousseeuw 1987, with class means in place of all pairs.
    """

    of_features: ClassVar[bool] = True
    range = (-1.0, 1.0)
    family = "forgetting"
    reads = frozenset({"forget", "retain"})
    header = "Silhouette"

    def of(self, signals: Signals, split: Split) -> float:
        """The mean over classes, in [-1, 1]."""
        if signals.features is None or not signals.classifies:
            return float("nan")
        left, kept = split.classes(signals, split.forget), split.classes(signals, split.retain)
        gone = np.setdiff1d(left, kept)
        rows = signals.rows(np.concatenate([split.forget, split.retain]))
        features = signals.features[rows]
        if not len(gone) or not np.isfinite(features).all():
            return float("nan")
        return silhouette(features, np.concatenate([left, kept]), gone)
