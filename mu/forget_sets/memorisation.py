"""Elements that a model gets right only, or even, if it was trained on them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mu.data.base import Ids
from mu.errors import UsageError
from mu.evaluation.signals import Floats
from mu.forget_sets.helper_model import HelperModel, correct, losses, trained_on
from mu.forget_sets.reads_models import Ranks
from mu.forget_sets.select import Scene

MEASURES = ("probability", "correctness")


def memorisation(values: Floats, inside: NDArray[np.bool_]) -> Floats:
    r"""Mean of the models that were trained on a sample minus mean of those that were not.

    .. math:: \mathrm{mem}(x) = \mathbb{E}[v(f_S, x) \mid x \in S]
              - \mathbb{E}[v(f_S, x) \mid x \notin S]

    With v = 1[f_S(x) = y] this is the subset estimate of Feldman & Zhang (arXiv 2008.03703,
    section 2.2).

    Args:
        values: (models, n) value v of each model on each sample, in [0, 1].
        inside: (models, n) whether the model was trained on the sample.

    Returns:
        (n,) in [−1, 1].

    Raises:
        UsageError: The shapes differ, or a sample was in all models or in none.

    Example:
        >>> memorisation(np.array([[1.0, 0.9], [0.2, 0.9]]), np.array([[True, True], [False] * 2]))
        array([0.8, 0. ])
    """
    if values.shape != inside.shape:
        raise UsageError(f"values are {values.shape}, inside is {inside.shape}")
    n_in = inside.sum(axis=0)
    if ((n_in == 0) | (n_in == len(inside))).any():
        raise UsageError("a sample was in the training set of all models or of none")
    found: Floats = np.where(inside, values, 0).sum(axis=0) / n_in
    found -= np.where(inside, 0, values).sum(axis=0) / (len(inside) - n_in)
    return found


class MemorisationSet(Ranks):
    """Elements with the highest or the lowest memorisation, estimated from models on halves.

    Feldman & Zhang (arXiv 2008.03703) define memorisation; RUM (arXiv 2406.01257) forgets the sets
    at both ends: highly memorised samples are the hard ones for most methods.

    Args:
        order: ``highest``, or ``lowest``: the estimates nearest to 0. Training on a sample does not
            make it less right, so an estimate below 0 is noise, and the most negative ones would be
            the samples that models agree on least.
        halves: Number of models, each trained on a random half of what is kept; even, since each
            half is used with its complement, so each sample is in half of them.
        measure: ``probability`` of the true class, which a handful of models estimate with little
            variance, or ``correctness`` (0/1), as defined in the paper, which needs hundreds.
        which: ``share``, ``count`` and ``kind`` as for `Ranks`.

    Raises:
        UsageError: An order, a number of halves or a measure that is none.
    """

    def __init__(
        self,
        order: str = "highest",
        halves: int = 4,
        measure: str = "probability",
        **which: Any,
    ) -> None:
        if measure not in MEASURES:
            raise UsageError(f"measure={measure!r} is not one of {', '.join(MEASURES)}")
        super().__init__(order, {"halves": halves}, **which)
        self.measure = measure

    def ranked(self, scene: Scene, samples: Ids) -> Floats:
        """(n,) memorisation, or for ``lowest`` its distance from 0.

        Raises:
            UsageError: A sample that all models or none were trained on.
        """
        inside = trained_on(samples, scene.models)
        values = np.array([self.values(model, samples) for model in scene.models])
        found = memorisation(values, inside)
        return np.abs(found) if self.order == "lowest" else found

    def values(self, model: HelperModel, samples: Ids) -> Floats:
        """(n,) what is averaged over models."""
        if self.measure == "correctness":
            return correct(model.signals, samples).astype(np.float64)
        probability: Floats = np.exp(-losses(model.signals, samples))
        return probability
