"""Elements that trained models find hardest or easiest."""

from collections.abc import Sequence

import numpy as np

from mu.data.base import Ids
from mu.evaluation.signals import Floats
from mu.forget_sets.budget import budget, check_order, extremes
from mu.forget_sets.helper_model import HelperModel, losses
from mu.forget_sets.reads_models import ReadsModels
from mu.forget_sets.select import Scene


class LossSet(ReadsModels):
    r"""Elements whose samples have the highest or the lowest mean loss under trained models.

    .. math:: \bar\ell_i = \frac1k \sum_{j=1}^k -\ln p_{\theta_j}(y_i \mid x_i)

    The lowest losses are what a worst-case selector (arXiv 2403.07362) has to beat: one forward
    pass finds samples that a retrained model gets right anyway.

    Args:
        order: ``highest`` or ``lowest``.
        share: Share of the elements still kept, in (0, 1).
        count: Or their number.
        kind: Kind of element; each must stand for one training sample.
        models: Number k of models, trained on everything kept, whose losses are averaged.

    Raises:
        UsageError: An order or a number of models that is none.
    """

    def __init__(
        self,
        order: str = "highest",
        share: float | None = None,
        count: int | None = None,
        kind: str = "samples",
        models: int = 1,
    ) -> None:
        super().__init__(share, count, kind, models=models)
        self.order = check_order(order)

    def select(self, scene: Scene) -> Ids:
        """Ids of the elements, sorted; among equal losses the lowest ids.

        Raises:
            UsageError: See `ReadsModels.elements` and `budget`.
            CellFailed: A loss is not finite.
        """
        ids, samples = self.elements(scene)
        wanted = budget(self.share, self.count, len(ids))
        return extremes(ids, self.ranked(samples, scene.models), self.order, wanted)

    def ranked(self, samples: Ids, models: Sequence[HelperModel]) -> Floats:
        """(n,) what the order is by."""
        found: Floats = np.mean([self.values(model, samples) for model in models], axis=0)
        return found

    def values(self, model: HelperModel, samples: Ids) -> Floats:
        """(n,) what is averaged over models."""
        return losses(model.signals, samples)
