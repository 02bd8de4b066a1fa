"""Elements by the loss of a model that never saw them."""

from collections.abc import Sequence

import numpy as np

from mu.data.base import Ids
from mu.errors import UsageError
from mu.evaluation.signals import Floats
from mu.forget_sets.by_loss import LossSet
from mu.forget_sets.helper_model import HelperModel, losses
from mu.forget_sets.wants import wants


class HeldOutLossSet(LossSet):
    """Elements with the highest or the lowest loss under a model trained without them (cross-fit).

    What is kept is dealt out to folds; a model is trained without each, and gives the loss of it.
    The lowest are what a retrained model will know anyway.

    Args:
        order: ``highest`` or ``lowest``.
        share: Share of the elements still kept, in (0, 1).
        count: Or their number.
        kind: Kind of element; each must stand for one training sample.
        folds: Number of parts, and of models.

    Raises:
        UsageError: An order or a number of folds that is none.
    """

    def __init__(
        self,
        order: str = "lowest",
        share: float | None = None,
        count: int | None = None,
        kind: str = "samples",
        folds: int = 4,
    ) -> None:
        super().__init__(order, share, count, kind)
        self.asked = wants({"folds": folds})

    def ranked(self, samples: Ids, models: Sequence[HelperModel]) -> Floats:
        """(n,) loss of each sample under the models that were trained without it."""
        return held_out_losses(samples, models)


def held_out_losses(samples: Ids, models: Sequence[HelperModel]) -> Floats:
    """(n,) mean loss of each sample over the models that were not trained on it.

    Raises:
        UsageError: A sample that every model was trained on.
        CellFailed: A loss is not finite.
    """
    outside = np.array([~np.isin(samples, model.trained) for model in models])
    known = np.flatnonzero(~outside.any(axis=0))
    if len(known):
        raise UsageError(f"sample {samples[known[0]]} was in every model's training set")
    values = np.array([losses(model.signals, samples) for model in models])
    found: Floats = (values * outside).sum(axis=0) / outside.sum(axis=0)
    return found
