"""Gradient ascent on what is to be forgotten."""

from typing import ClassVar

from torch import Tensor

from mu.data.base import Batch
from mu.models.base import as_batch
from mu.unlearning.base import Finetuning


class GradientAscent(Finetuning):
    r"""Climb the loss of D_f (Thudi et al., arXiv 2109.13398; Graves et al., arXiv 2010.10981).

    .. math:: \theta \leftarrow \theta + \eta \nabla \mathbb{E}_{D_f} \ell(f_\theta(x), y)

    On graphs messages pass along all edges, the forgotten ones included, as in the code of
    GNNDelete (arXiv 2302.13406); only the forgotten pairs are in the loss. The model stays in
    evaluation mode, so that batch statistics of D_f alone do not reach the running ones.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget"})
    weighted: ClassVar[bool] = True
    train_part: ClassVar[str] = "forget"

    def training_step(self, batch: Batch, index: int) -> Tensor:
        return -self.learner.batch_loss(as_batch(batch))
