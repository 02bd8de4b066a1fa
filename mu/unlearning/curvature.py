"""Diagonal curvature shared by the methods that weigh parameters by their gradients."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.models.base import Learner, as_batch, evaluation_mode

Loss = Callable[[Tensor, Tensor], Tensor]


def single_losses(learner: Learner, batch: Batch, loss: Loss) -> Iterator[Tensor]:
    """The loss of each sample of a batch, each on a graph that may be back-propagated alone.

    Tensor inputs are sliced, so that one backward pass costs one sample; other inputs (a graph)
    share one forward pass.
    """
    if isinstance(batch.x, Tensor):
        for n in range(len(batch)):
            one = replace(batch, x=batch.x[n : n + 1], y=batch.y[n : n + 1])
            yield loss(*learner.outputs(one)).mean()
        return
    logits, targets = learner.outputs(batch)
    yield from loss(logits, targets)


def mean_over_gradients(
    model: nn.Module,
    batches: Iterable[Any],
    transform: Callable[[Tensor], Tensor],
    per_sample: bool,
    loss: Loss,
) -> dict[str, Tensor]:
    """Mean of ``transform(gradient)`` over batches, or over samples.

    Args:
        model: A Learner or any module that returns logits; put in evaluation mode and restored.
        batches: ``(x, y)`` or `Batch`; read once.
        transform: Element-wise function of a gradient.
        per_sample: Take the gradient of each sample's loss instead of the batch's mean loss.
        loss: (logits, targets) → (n,) losses.

    Returns:
        A tensor for each parameter that requires a gradient.

    Raises:
        ValueError: There are no batches.
    """
    learner = model if isinstance(model, Learner) else Learner(model)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    total = {name: torch.zeros_like(p) for name, p in trained.items()}
    count = 0
    with evaluation_mode(model), torch.enable_grad():
        for item in batches:
            batch = as_batch(item)
            if per_sample:
                losses = single_losses(learner, batch, loss)
            else:
                losses = iter([loss(*learner.outputs(batch)).mean()])
            for value in losses:
                shared = per_sample and not isinstance(batch.x, Tensor)
                gradients = torch.autograd.grad(
                    value, list(trained.values()), allow_unused=True, retain_graph=shared
                )
                count += 1
                for sum_, gradient in zip(total.values(), gradients, strict=True):
                    if gradient is not None:
                        sum_ += transform(gradient)
    if count == 0:
        raise ValueError("there are no batches to take gradients of")
    return {name: value / count for name, value in total.items()}
