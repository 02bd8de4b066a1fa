"""Boundary shrink: samples to forget move to the nearest wrong class."""

from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from mu.data.base import Batch
from mu.doors.nested import check_one_float
from mu.models.base import Learner, evaluation_mode
from mu.parts.part import move
from mu.unlearning.base import Finetuning
from mu.unlearning.options import one_of, positive

Neighbour = Literal["fgsm", "logit"]


def fgsm(learner: Learner, batch: Batch, step: float) -> Tensor:
    r"""Inputs moved by one signed step up their own loss (Goodfellow et al., arXiv 1412.6572).

    .. math:: x' = x + \epsilon \, \mathrm{sign} \nabla_x \ell(f_\theta(x), y)

    Args:
        learner: In evaluation mode inside, restored afterwards; its weights get no gradient.
        batch: Inputs (n, …) and classes (n,).
        step: ε in units of what the model is given, that is of the *normalised* input: on CIFAR-10
            with its customary normalisation 0.1 is 0.025 of the range of a pixel.

    Returns:
        (n, …) inputs, not cut to the range of images.
    """
    x = batch.x.detach().clone().requires_grad_(True)
    with evaluation_mode(learner), torch.enable_grad():
        logits, targets = learner.outputs(replace(batch, x=x))
        (gradient,) = torch.autograd.grad(learner.loss(logits, targets, "sum"), x)
    moved: Tensor = x.detach() + step * gradient.sign()
    return moved


def largest_wrong(logits: Tensor, labels: Tensor) -> Tensor:
    """(n,) class with the largest logit among all but the own one.

    Args:
        logits: (n, C) with C ≥ 2, or (n, 1) of a binary task.
        labels: (n,) own classes.

    Example:
        >>> largest_wrong(torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]]), torch.tensor([0, 0]))
        tensor([2, 1])
    """
    if logits.shape[1] == 1:
        return 1 - labels
    return logits.scatter(1, labels[:, None], -torch.inf).argmax(1)


def nearest_wrong(
    learner: Learner, batch: Batch, neighbour: Neighbour = "fgsm", step: float = 0.1
) -> Tensor:
    r"""The wrong class whose decision boundary is nearest to each sample.

    .. math:: y'_n = \arg\max_{c \ne y_n} f_\theta(x'_n)_c

    with x' from `fgsm` (Chen et al., arXiv 2303.11570, equation 4), or the sample itself with
    ``neighbour="logit"``. The own class is never the answer, also where the step does not cross
    a boundary.

    Args:
        learner: The model; in evaluation mode inside, restored afterwards.
        batch: Inputs (n, …) and classes (n,).
        neighbour: "fgsm" or "logit".
        step: ε of `fgsm`.

    Returns:
        (n,) classes.
    """
    if neighbour == "fgsm":
        why = "it steps along their gradient; neighbour=logit does without"
        check_one_float(batch.x, "BoundaryShrink", why)
    x = fgsm(learner, batch, step) if neighbour == "fgsm" else batch.x
    with evaluation_mode(learner), torch.no_grad():
        logits, labels = learner.outputs(replace(batch, x=x))
    return largest_wrong(logits, labels)


class BoundaryShrink(Finetuning):
    r"""Train D_f towards the nearest wrong classes (Chen et al., CVPR 2023, arXiv 2303.11570).

    .. math:: \min_\theta \; \mathbb{E}_{D_f} \ell(f_\theta(x), y'), \qquad
        y' \text{ by the original}

    The nearest classes are found once, with the original. The model stays in evaluation mode, so
    that batch statistics of D_f alone do not reach the running ones; it never sees D_r.

    Args:
        epochs: Passes over D_f.
        lr: Learning rate.
        neighbour: "fgsm" (published) or "logit", which needs no attack.
        step: ε of the attack in units of the normalised input.
        training: As for `Finetuning`; batches of 64.

    Raises:
        UsageError: An unknown ``neighbour``, or a ``step`` that is not positive.
    """

    reads_labels: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"forget"})
    requests: ClassVar[frozenset[str]] = frozenset({"samples"})
    train_part: ClassVar[str] = "forget"

    def __init__(
        self,
        epochs: int = 5,
        lr: float = 0.0001,
        neighbour: Neighbour = "fgsm",
        step: float = 0.1,
        **training: Any,
    ) -> None:
        super().__init__(epochs, lr, **{"batch_size": 64} | training)
        one_of(neighbour=(neighbour, ("fgsm", "logit")))
        positive(step=step)
        self.neighbour, self.step = neighbour, step

    def train_batches(self) -> Any:
        """D_f with the nearest wrong classes, held in memory."""
        options = {"batch_size": self.batch_size, "shuffle": True, "seed": self.context.seed}
        found = []
        # `batches` counts one forward and one backward pass of each; the look at x' is another.
        for batch in self.batches("forget", **options):
            wrong = nearest_wrong(self.learner, batch, self.neighbour, self.step)
            self.meter.forward += batch.units if self.neighbour == "fgsm" else 0
            found.append(move(replace(batch, y=wrong), "cpu"))
        return found
