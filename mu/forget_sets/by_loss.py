"""Elements that trained models find hardest or easiest."""

from typing import Any

import numpy as np

from mu.data.base import Ids
from mu.evaluation.signals import Floats
from mu.forget_sets.helper_model import HelperModel, losses
from mu.forget_sets.reads_models import Ranks
from mu.forget_sets.select import Scene


class LossSet(Ranks):
    r"""Elements whose samples have the highest or the lowest mean loss under trained models.

    .. math:: \bar\ell_i = \frac1k \sum_{j=1}^k -\ln p_{\theta_j}(y_i \mid x_i)

    The lowest losses are what a worst-case selector (arXiv 2403.07362) has to beat: one forward
    pass finds samples that a retrained model gets right anyway.

    Args:
        order: ``highest`` or ``lowest``.
        models: Number k of models, trained on everything kept, whose losses are averaged.
        which: ``share``, ``count`` and ``kind`` as for `Ranks`.

    Raises:
        UsageError: An order or a number of models that is none.
    """

    def __init__(self, order: str = "highest", models: int = 1, **which: Any) -> None:
        super().__init__(order, {"models": models}, **which)

    def ranked(self, scene: Scene, samples: Ids) -> Floats:
        """(n,) mean over the models."""
        found: Floats = np.mean([self.values(model, samples) for model in scene.models], axis=0)
        return found

    def values(self, model: HelperModel, samples: Ids) -> Floats:
        """(n,) what is averaged over models."""
        return losses(model.signals, samples)
