"""Fisher forgetting: noise where the retained data do not need the weights."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from mu.data.base import Batch
from mu.gradients.per_sample import Loss, per_sample_sums
from mu.models.base import Learner
from mu.parts.draw import drawn
from mu.parts.part import move
from mu.unlearning.base import Unlearner
from mu.unlearning.options import at_least, one_of, positive

Labels = Literal["all", "sampled"]


def predicted(logits: Tensor) -> Tensor:
    """(n, C) probabilities of all classes; two of them for (n, 1) logits of a binary task."""
    if logits.shape[1] == 1:
        one = torch.sigmoid(logits)
        return torch.cat([1 - one, one], dim=1)
    return functional.softmax(logits, dim=1)


def weighted_loss(learner: Learner, label: int) -> Loss:
    r"""A loss whose squared gradient is the label's share of the expected Fisher.

    .. math:: \sqrt{p(y \mid x)} \; \ell(f_\theta(x), y), \qquad p \text{ held constant}
    """

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        weight = predicted(logits.detach())[:, label].sqrt()
        return weight * learner.loss(logits, torch.full_like(targets, label), "none")

    return loss


def with_drawn_labels(
    learner: Learner, batches: Iterable[Batch], generator: torch.Generator
) -> Iterator[Batch]:
    """The batches with one label a sample drawn from the model's own prediction.

    Args:
        learner: In evaluation mode.
        batches: Their own targets do not matter.
        generator: On the CPU.
    """
    for batch in batches:
        with torch.no_grad():
            chances = predicted(learner.outputs(batch)[0].float()).cpu()
        drawn = torch.multinomial(chances, 1, generator=generator)[:, 0]
        yield replace(batch, y=drawn.to(batch.y))


def noise_variance(
    fisher: Tensor, alpha: float, clamp: float, power: float = 1.0, eps: float = 1e-8
) -> Tensor:
    r"""Variance of the noise of each weight, (Golatkar et al., arXiv 1911.04933, section 5).

    .. math:: \sigma_i^2 = \alpha \, \min\big((F_i + \epsilon)^{-q}, \; c\big)

    Args:
        fisher: Diagonal of the Fisher information on D_r, ≥ 0.
        alpha: α, strength of forgetting.
        clamp: C, largest value before α; weights the data do not touch would get unbounded noise.
        power: q: 1 is the published code, 1/2 the published text (noise with F^(-1/4)).
        eps: ε.

    Example:
        >>> noise_variance(torch.tensor([1.0, 0.25, 0.0]), alpha=0.1, clamp=8.0)
        tensor([0.1000, 0.4000, 0.8000])
    """
    return alpha * (fisher + eps).pow(-power).clamp(max=clamp)


@torch.no_grad()
def add_noise(model: nn.Module, variance: Mapping[str, Tensor], seed: int) -> None:
    """Add normal noise to the named parameters, in place.

    Args:
        model: Parameters that ``variance`` does not name are left alone, and so are buffers.
        variance: Name → tensor of the parameter's shape.
        seed: The noise is drawn on the CPU, so that devices agree.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if name in variance:
            noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            parameter.add_(noise.to(parameter.device) * variance[name].sqrt())


class FisherForgetting(Unlearner):
    r"""Add noise that is large where D_r does not mind (Golatkar et al., arXiv 1911.04933).

    .. math:: \theta \leftarrow \theta + \mathcal{N}(0, \sigma^2(F)), \qquad
        F = \frac{1}{|D_r|} \sum_{x \in D_r} \sum_y p_\theta(y \mid x)
        \big(\nabla_\theta \ell(f_\theta(x), y)\big)^2

    with σ² from `noise_variance` and F by single samples, not by batches. The model is in
    evaluation mode and no buffer changes. D_f is not read: what only D_f needs has a small F.

    Args:
        alpha: α, strength of forgetting.
        clamp: Largest 1/F before α: weights the data do not touch would get unbounded noise.
        power: 1 for variances ∝ 1/F (published code), 0.5 for 1/√F (published text).
        labels: "all" averages over all classes, "sampled" draws one label a sample.
        samples: Retained samples F is estimated from, or None for all.
        batch_size: Samples read at once; does not change F.

    Raises:
        UsageError: An option that is not positive, or an unknown ``labels``.
    """

    reads_labels: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"retain"})
    gradient_view: ClassVar[str] = "retained"

    def __init__(
        self,
        alpha: float = 3e-6,
        clamp: float = 1e3,
        power: float = 1.0,
        labels: Labels = "all",
        samples: int | None = 1000,
        batch_size: int | None = 64,
    ) -> None:
        super().__init__()
        positive(alpha=alpha, clamp=clamp, power=power)
        at_least(1, samples=samples, batch_size=batch_size, null="all")
        one_of(labels=(labels, ("all", "sampled")))
        self.alpha, self.clamp, self.power, self.labels = alpha, clamp, power, labels
        self.samples, self.batch_size = samples, batch_size

    def fisher(self) -> dict[str, Tensor]:
        """Diagonal of the expected Fisher by parameter name: its mean over samples of D_r."""
        few = drawn(self.parts["retain"], self.context.seed, count=self.samples)
        self.parts = {"retain": few}
        if self.labels == "sampled":
            generator = torch.Generator().manual_seed(self.context.seed)
            relabelled = with_drawn_labels(self.learner, self._counted_twice(), generator)
            own = partial(self.learner.loss, reduction="none")
            sums = per_sample_sums(self.learner, relabelled, own)
            return {name: value / sums.count for name, value in sums.total.items()}
        total: dict[str, Tensor] = {}
        for label in range(self.classes()):
            batches = self.batches("retain", batch_size=self.batch_size)
            sums = per_sample_sums(self.learner, batches, weighted_loss(self.learner, label))
            for name, value in sums.total.items():
                total[name] = total.get(name, 0) + value / sums.count
        return total

    def _counted_twice(self) -> Iterator[Batch]:
        for batch in self.batches("retain", batch_size=self.batch_size):
            self.meter.forward += batch.units  # labels are drawn before gradients are taken
            yield batch

    def classes(self) -> int:
        """Number of classes the model tells apart: one forward pass over the smallest batch."""
        batch = move(self.first_batch("retain", batch_size=1), self.context.device)
        self.meter.forward += batch.units
        with torch.no_grad():
            return predicted(self.learner.outputs(batch)[0]).shape[1]

    def solve(self) -> None:
        fisher = self.fisher()
        variance = {
            name: noise_variance(value, self.alpha, self.clamp, self.power)
            for name, value in fisher.items()
        }
        add_noise(self.learner, variance, self.context.seed)
        size = sum(v.numel() for v in variance.values())
        most = self.alpha * self.clamp
        clamped = sum(int((v >= most * (1 - 1e-6)).sum()) for v in variance.values())
        self.facts = {
            "clamped_share": clamped / size,
            "noise_norm": float(sum(v.sum() for v in variance.values())) ** 0.5,
        }
