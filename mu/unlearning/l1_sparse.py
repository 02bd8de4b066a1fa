"""ℓ1-sparse unlearning: fine-tuning on D_r under a penalty that is taken off step by step."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from mu.data.base import Batch
from mu.models.base import Learner, as_batch
from mu.unlearning.base import Finetuning
from mu.unlearning.options import not_negative


def l1_norm(learner: Learner) -> Tensor:
    """Sum of the absolute values of all trained parameters; a scalar with a graph."""
    trained = [p.abs().sum() for p in learner.parameters() if p.requires_grad]
    return torch.stack(trained).sum()


class L1Sparse(Finetuning):
    r"""Fine-tune with a decaying ℓ1 penalty (Jia et al., arXiv 2304.04934, equation 4).

    .. math:: \min_\theta \; \mathbb{E}_{D_r} \ell(f_\theta(x), y) + \alpha_t \|\theta\|_1,
        \qquad \alpha_t = \alpha \, (1 - t / T)

    t counts optimiser steps, so that the last ones train without a penalty. All trained parameters
    are penalised, biases and normalisations included, as in the published code.

    Args:
        epochs: Passes over D_r.
        lr: Learning rate.
        alpha: Penalty at the first step, on all trained parameters.
        training: As for `Finetuning`; batches of 64.

    Raises:
        UsageError: ``alpha`` is negative.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain"})
    weighted: ClassVar[bool] = True
    gradient_view: ClassVar[str] = "retained"

    def __init__(
        self,
        epochs: int = 5,
        lr: float = 0.01,
        alpha: float = 0.0005,
        **training: Any,
    ) -> None:
        super().__init__(epochs, lr, **{"batch_size": 64} | training)
        not_negative(alpha=alpha)
        self.alpha = alpha

    def train_batches(self) -> Any:
        loader = super().train_batches()
        self.step, self.steps = 0, self.epochs * len(loader)
        self.facts["l1_before"] = l1_norm(self.learner).item()
        return loader

    def training_step(self, batch: Batch, index: int) -> Tensor:
        alpha = self.alpha * (1 - self.step / self.steps)
        self.step += 1
        return self.learner.batch_loss(as_batch(batch)) + alpha * l1_norm(self.learner)

    def result(self) -> Learner:
        self.facts["l1_after"] = l1_norm(self.learner).item()
        return self.learner
