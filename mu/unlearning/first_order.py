"""First-order unlearning (Warnecke, Pirch, Wressnegger and Rieck, arXiv 2108.11577)."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.data.graphs import GraphInput, without_rows
from mu.doors.nested import mapped
from mu.errors import UsageError
from mu.gradients.mean_gradient import gradient_sum
from mu.gradients.vectors import trained
from mu.models.base import as_batch, evaluation_mode
from mu.parts.disjoint import Remembering, distinct
from mu.parts.relabelling import wrong_labels
from mu.unlearning.base import Unlearner
from mu.unlearning.options import at_least, one_of, positive

Replacement = Literal["none", "random_labels", "zero_features"]


def first_order_direction(
    model: nn.Module, forget_batches: Iterable[Any], replacing: Iterable[Any] = ()
) -> dict[str, Tensor]:
    r"""What a first-order step θ + τ d adds, in units of its rate.

    .. math:: d = \sum_{z \in D_f} \nabla \ell(z) - \sum_{\tilde z} \nabla \ell(\tilde z)

    Sums, not means (equation 6 of the paper with its sign turned); without replacing points the
    second sum is absent, and the step removes D_f. The model is in evaluation mode inside.

    Args:
        model: Returns logits (n, C); a `mu.models.base.Learner` brings its own loss.
        forget_batches: ``(x, y)`` of the points z as they were trained on.
        replacing: ``(x, y)`` of the points z̃ to be known in their place.

    Returns:
        Name → float64 tensor of the parameter's shape; frozen parameters are absent.

    Raises:
        UsageError: There is nothing to forget.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = model.weight.data.fill_(0.0)
        >>> x = torch.tensor([[2.0]])
        >>> true, other = [(x, torch.ones(1))], [(x, torch.zeros(1))]
        >>> first_order_direction(model, true)["weight"].item()
        -1.0
        >>> first_order_direction(model, true, other)["weight"].item()
        -2.0
    """
    gone, count = gradient_sum(model, forget_batches)
    if not count:
        raise UsageError("there are no samples to forget")
    instead, _ = gradient_sum(model, replacing)
    return {name: gone[name] - instead[name] for name in gone}


def with_random_labels(batches: Iterable[Any], classes: int, seed: int) -> Iterator[Batch]:
    """The same inputs, each with a label drawn from the other classes.

    Labels are drawn in the order of the samples, so the cut into batches does not change them.

    Args:
        batches: ``(x, y)`` with integer labels below ``classes``.
        classes: Number of classes, at least 2.
        seed: Seed of the draws.

    Example:
        >>> batch = (torch.zeros(4, 1), torch.tensor([0, 1, 0, 1]))
        >>> next(with_random_labels([batch], 2, seed=0)).y.tolist()
        [1, 0, 1, 0]
    """
    rng = np.random.default_rng(seed)
    for batch in map(as_batch, batches):
        draws = torch.from_numpy(rng.random(len(batch))).to(batch.y.device)
        yield replace(batch, y=wrong_labels(batch.y, draws, classes))


def with_zero_features(batches: Iterable[Any]) -> Iterator[Batch]:
    """The same labels, with inputs of zeros (for normalised images: the mean image).

    On a graph the rows of the nodes that are asked about are zeros, and the edges stay.

    Example:
        >>> next(with_zero_features([(torch.ones(2, 1), torch.zeros(2))])).x.tolist()
        [[0.0], [0.0]]
    """
    for batch in map(as_batch, batches):
        x = batch.x
        if isinstance(x, GraphInput):
            asked = [one.flatten() for one in (x.nodes, x.pairs) if one is not None]
            gone = sorted(set(torch.cat(asked).tolist()))
            yield replace(batch, x=replace(x, features=without_rows(x.features, gone)))
        else:
            yield replace(batch, x=mapped(x, torch.zeros_like))


class FirstOrder(Unlearner):
    r"""One gradient step that replaces points of D_f, or removes them.

    .. math:: \theta \leftarrow \theta - \tau \Big( \sum_{\tilde z} \nabla \ell(\tilde z)
        - \sum_{z \in D_f} \nabla \ell(z) \Big)

    Gradients are taken in evaluation mode, without augmentation and of the samples that have a
    label in the part (for links: the edges, no drawn negatives); buffers such as running statistics
    are not changed.

    Args:
        tau: τ, the rate of a *sum*: twice as many samples move the model twice as far.
        replacement: "none" removes; "random_labels" puts labels drawn from the other classes in
            place of the true ones; "zero_features" keeps the labels and takes the inputs away.
        tensors: Move only the last that many trained tensors; None moves all.
        batch_size: Samples a batch; it does not change the result.

    Raises:
        UsageError: An unknown replacement, or a number that is not positive. When it is applied: no
            samples, one of them twice, or a gradient that is not finite.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget"})

    def __init__(
        self,
        tau: float = 5e-6,
        replacement: Replacement = "none",
        tensors: int | None = None,
        batch_size: int | None = 256,
    ) -> None:
        super().__init__()
        positive(tau=tau)
        one_of(replacement=(replacement, get_args(Replacement)))
        at_least(1, tensors=tensors, batch_size=batch_size, null="all")
        self.tau, self.replacement, self.tensors = tau, replacement, tensors
        self.batch_size = batch_size

    def solve(self) -> None:
        forget = Remembering("forget", self._batches())
        found = first_order_direction(self.learner, forget, self._replacing())
        distinct("forget", forget.ids)
        if not all(bool(torch.isfinite(d).all()) for d in found.values()):
            raise UsageError(
                "the gradients hold values that are not finite numbers; look for an input that is "
                "not finite, or weights that diverged"
            )
        parameters, length = trained(self.learner), 0.0
        moved = list(parameters)[-(self.tensors or len(parameters)) :]
        with torch.no_grad():
            for name in moved:
                parameters[name].copy_(parameters[name].double() + self.tau * found[name])
                length += float((self.tau * found[name]).square().sum())
        self.facts = {
            "tau": self.tau,
            "replacement": self.replacement,
            "tensors": len(moved),
            "n_forget": forget.count,
            "step_norm": length**0.5,
        }

    def _batches(self) -> Iterator[Batch]:
        return self.batches("forget", batch_size=self.batch_size)

    def _replacing(self) -> Iterator[Batch]:
        """The points z̃; read after D_f."""
        if self.replacement == "zero_features":
            yield from with_zero_features(self._batches())
        elif self.replacement == "random_labels":
            yield from with_random_labels(self._batches(), self._classes(), self.context.seed)

    def _classes(self) -> int:
        """Number of classes the network tells apart."""
        batch = next(self._batches())
        if batch.y.dim() != 1:
            raise UsageError("replacement=random_labels needs one class a sample as the target")
        with torch.no_grad(), evaluation_mode(self.learner):
            logits, _ = self.learner.outputs(batch)
        self.meter.backward -= batch.units  # a look, without a gradient
        return max(logits.shape[1], 2)
