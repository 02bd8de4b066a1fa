"""Elements by the loss of a model that never saw them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mu.data.base import Ids
from mu.evaluation.signals import Floats
from mu.forget_sets.helper_model import HelperModel, losses, trained_on
from mu.forget_sets.reads_models import Ranks
from mu.forget_sets.select import Scene


class HeldOutLossSet(Ranks):
    """Elements with the highest or the lowest loss under a model trained without them (cross-fit).

    What is kept is dealt out to folds; a model is trained without each, and gives the loss of it.
    The lowest are what a retrained model will know anyway.

    Args:
        order: ``highest`` or ``lowest``.
        folds: Number of parts, and of models.
        which: ``share``, ``count`` and ``kind`` as for `Ranks`.

    Raises:
        UsageError: An order or a number of folds that is none.
    """

    def __init__(self, order: str = "lowest", folds: int = 4, **which: Any) -> None:
        super().__init__(order, {"folds": folds}, **which)

    def ranked(self, scene: Scene, samples: Ids) -> Floats:
        """(n,) loss of each sample under the models that were trained without it."""
        return held_out_losses(samples, scene.models)


def held_out_losses(samples: Ids, models: Sequence[HelperModel]) -> Floats:
    """(n,) mean loss of each sample over the models that were not trained on it.

    Raises:
        UsageError: A sample that every model was trained on.
        CellFailed: A loss is not finite.
    """
    outside = ~trained_on(samples, models)
    values = np.array([losses(model.signals, samples) for model in models])
    found: Floats = (values * outside).sum(axis=0) / outside.sum(axis=0)
    return found
