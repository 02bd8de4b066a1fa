"""Where a few retrained models put a score, and which of all models lies farthest from the rest."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mu.evaluation.distance import kl
from mu.evaluation.signals import Floats, Ids, Signals
from mu.results.estimate import Estimate
from mu.results.intervals import deviation
from mu.results.rule import Measured, contrast

ENOUGH = 3  # oracles whose spread says where another one may lie


def against_retrains(
    value: float, oracles: Sequence[float], size: int | None = None, references: bool = False
) -> Estimate:
    """How far a value is from where another retrained model would be, with its error.

    The t interval of a new draw, from the spread of the oracles alone, k - 1 degrees of freedom:
    ō ± t·s·√(1 + 1/k), for shares with the floor of `mu.results.rule.contrast`. Where the oracles
    agree on a share to the last sample, nothing is estimated, and the floor has a normal law.

    Args:
        value: Of the model.
        oracles: (k,) values of retrained models.
        size: Samples that a share is counted over; None where the score is no share.
        references: Whether oracles are scored against one model less each, as for RMIA.

    Returns:
        The gap to the mean of the oracles; without error for fewer than `ENOUGH` of them.

    Example:
        >>> found = against_retrains(0.9, [0.1, 0.2, 0.3])
        >>> round(found.mean, 6), round(found.pvalue(), 3)
        (0.7, 0.026)
    """
    one = Measured(row=[value], original=(), oracles=[oracles], size=size, references=references)
    found = contrast(one)
    if size is not None and len(oracles) >= ENOUGH and deviation(oracles) == 0:
        return replace(found, freedom=math.inf)
    return found


def farthest(models: Sequence[Signals], ids: Ids) -> int:
    """The rank of the first model by how far it lies from the others, 1 for the farthest.

    The distance is the mean of KL in both directions, for outputs that are no classes the Euclidean
    one; each model is held against all others, so of models that were made alike every rank is as
    likely as any other.

    Args:
        models: The model audited, then its oracles.
        ids: On which samples.
    """
    said = [one.at(ids)[0] for one in models]
    apart = np.array([[_distance(a, b, models[0].classifies) for b in said] for a in said])
    apart = apart + apart.T
    with np.errstate(invalid="ignore"):
        means = apart.sum(axis=1)
    return int((means > means[0]).sum()) + 1


def _distance(a: Floats, b: Floats, classes: bool) -> float:
    return kl(a, b) if classes else float(np.linalg.norm(a - b, axis=1).mean())
