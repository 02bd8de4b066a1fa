"""Bad teacher: the original teaches what is retained, an untrained network what is forgotten."""

import copy
from typing import Any, ClassVar

import torch
from torch import Tensor

from mu.models.base import Learner
from mu.models.teachers import divergence, teacher_of
from mu.parts.mixed import mixed
from mu.unlearning.base import Finetuning
from mu.unlearning.heads.fresh import reinitialise
from mu.unlearning.heads.last_layers import layers, modules_of
from mu.unlearning.options import positive

SEED = 7_919  # added to the request's, so that the bad teacher is not the original at its start


def untrained(learner: Learner, seed: int) -> Learner:
    """The same architecture with weights drawn anew but for what is frozen, in evaluation mode.

    Raises:
        UsageError: A layer cannot draw its weights anew.
    """
    found = copy.deepcopy(learner)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reinitialise(found.network, modules_of(layers(found.network)))
    return found.eval()


class BadTeacher(Finetuning):
    r"""Two teachers (Chundawat et al., AAAI 2023, arXiv 2205.08096, equation 2).

    .. math:: \min_\theta \; \mathbb{E}_{D_r} T^2 \mathrm{KL}(f_{\theta_0}(x) \,\|\, f_\theta(x))
        + \mathbb{E}_{D_f} T^2 \mathrm{KL}(f_{\mathrm{bad}}(x) \,\|\, f_\theta(x))

    over batches that mix D_f and D_r, each sample weighing the same. Both teachers are in
    evaluation mode; the bad one has the original's architecture and weights of a seed of its own.
    Labels are not read. The student is in training mode.

    Args:
        epochs: Passes over D_f and D_r.
        lr: Learning rate.
        temperature: T.
        training: As for `Finetuning`; batches of 64, Adam.

    Raises:
        UsageError: ``temperature`` ≤ 0, or a layer that cannot draw its weights anew.
    """

    reads_labels: ClassVar[bool] = True

    def __init__(
        self,
        epochs: int = 3,
        lr: float = 0.001,
        temperature: float = 1.0,
        **training: Any,
    ) -> None:
        training = {"batch_size": 64, "optimizer": "adam", **training}
        super().__init__(epochs, lr, **training)
        positive(temperature=temperature)
        self.temperature = temperature

    def train_batches(self) -> Any:
        # In a tuple, so that they are no modules of the method, which Lightning would train.
        self.teachers = (
            teacher_of(self.learner),
            untrained(self.learner, self.context.seed + SEED),
        )
        given = self.batch_size, self.context.seed
        return mixed(self.parts, *given, augment=self.context.augment)

    def training_step(self, batch: Any, index: int) -> Tensor:
        with torch.no_grad():
            good, bad = (teacher.outputs(batch)[0] for teacher in self.teachers)
        self.meter.forward += 2 * batch.units
        gone = batch.forget.to(good.device)
        target = torch.where(gone[:, None], bad, good)
        logits = self.learner.outputs(batch)[0]
        return divergence(logits, target, self.temperature).mean()
