"""SCRUB: stay near the original on D_r and leave it on D_f."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from mu.data.base import Batch
from mu.models.base import Learner
from mu.models.teachers import divergence, teacher_of
from mu.unlearning.base import Finetuning
from mu.unlearning.options import at_least, not_negative, positive


def min_loss(
    student: Learner, teacher: Tensor, batch: Batch, gamma: float, alpha: float, temperature: float
) -> Tensor:
    r"""Loss on retained samples, to be minimised (arXiv 2302.09880, equation 3).

    .. math:: \gamma \, \ell(f_\theta(x), y) + \alpha \, T^2
        \mathrm{KL}(f_{\theta_0}(x) \,\|\, f_\theta(x))

    Args:
        student: The model that is changed.
        teacher: (n, C) logits of the original.
        batch: Retained samples.
        gamma: γ, weight of the loss.
        alpha: α, weight of the divergence.
        temperature: T.
    """
    logits, targets = student.outputs(batch)
    distance = divergence(logits, teacher, temperature).mean()
    return gamma * student.loss(logits, targets) + alpha * distance


class SCRUB(Finetuning):
    r"""Alternate max steps on D_f and min steps on D_r (Kurmanji et al., arXiv 2302.09880).

    The first ``max_epochs`` epochs begin with a pass over D_f that ascends
    :math:`T^2 \mathrm{KL}(f_{\theta_0} \| f_\theta)`; *every* epoch then descends `min_loss` on a
    pass over D_r. One optimiser serves both. The original is the teacher, in evaluation mode. D_f
    goes through the student in evaluation mode, so that its batch statistics do not reach the
    running ones; min steps are in training mode.

    Args:
        epochs: Passes over D_r.
        lr: Learning rate.
        max_epochs: Epochs that begin with a max step phase.
        alpha: Weight of the divergence in min steps.
        gamma: Weight of the loss in min steps.
        temperature: T of both.
        forget_batch_size: Samples a batch of max steps: the smaller, the more of them.
        training: As for `Finetuning`; Adam, and batches of 64 in min steps.

    Raises:
        UsageError: A negative weight, a negative ``max_epochs``, or ``temperature`` ≤ 0.
    """

    reads_labels: ClassVar[bool] = True

    def __init__(
        self,
        epochs: int = 5,
        lr: float = 0.0005,
        max_epochs: int = 2,
        alpha: float = 0.001,
        gamma: float = 0.99,
        temperature: float = 4.0,
        forget_batch_size: int | None = 64,
        **training: Any,
    ) -> None:
        training = {"batch_size": 64, "optimizer": "adam", **training}
        super().__init__(epochs, lr, **training)
        not_negative(alpha=alpha, gamma=gamma)
        positive(temperature=temperature)
        at_least(0, max_epochs=max_epochs)
        at_least(1, forget_batch_size=forget_batch_size, null="one batch")
        self.passes, self.epochs = epochs, 0  # `solve` trains, not the Trainer
        self.max_epochs, self.alpha, self.gamma = max_epochs, alpha, gamma
        self.temperature, self.forget_batch_size = temperature, forget_batch_size

    def solve(self) -> None:
        teacher = teacher_of(self.learner)
        optimizer = self.configure_optimizers()
        read = {"train": True, "augment": self.context.augment}
        for epoch in range(self.passes):
            given = read | {"seed": self.context.seed + epoch}
            if epoch < self.max_epochs:
                self.learner.eval()
                for batch in self.batches("forget", batch_size=self.forget_batch_size, **given):
                    target = self.taught(teacher, batch)
                    away = divergence(self.learner.outputs(batch)[0], target, self.temperature)
                    self.descend(optimizer, -away.mean())
            self.learner.train()
            for batch in self.batches("retain", batch_size=self.batch_size, **given):
                target = self.taught(teacher, batch)
                weights = self.gamma, self.alpha, self.temperature
                self.descend(optimizer, min_loss(self.learner, target, batch, *weights))
        optimizer.zero_grad()

    def taught(self, teacher: Learner, batch: Batch) -> Tensor:
        """Logits of the teacher: one more forward pass."""
        self.meter.forward += batch.units
        with torch.no_grad():
            return teacher.outputs(batch)[0]
