"""Losses and gradients of single samples, one backward pass each: exact for any network."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from mu.data.base import Batch
from mu.data.graphs import GraphInput
from mu.gradients.sink import Sink
from mu.models.base import Learner
from mu.parts.cut import at
from mu.parts.nested import axes_of

Loss = Callable[[Tensor, Tensor], Tensor]


def single_losses(learner: Learner, batch: Batch, loss: Loss) -> Iterator[Tensor]:
    """The loss of each sample of a batch, each on a graph that may be back-propagated alone.

    Inputs are sliced, so that one backward pass costs one sample; those of a graph share one
    forward pass.
    """
    if not isinstance(batch.x, GraphInput):
        axes = axes_of([(batch.x, len(batch))], learner)
        for n in range(len(batch)):
            yield loss(*learner.outputs(at(batch, slice(n, n + 1), axes=axes))).mean()
        return
    logits, targets = learner.outputs(batch)
    yield from loss(logits, targets)


def add_singles(learner: Learner, batch: Batch, loss: Loss, sink: Sink) -> list[float]:
    """Add what the samples of a batch contribute, one backward pass a sample.

    Returns:
        The loss of each sample.
    """
    shared = isinstance(batch.x, GraphInput)
    values, trained = [], sink.trained
    for n, value in enumerate(single_losses(learner, batch, loss)):
        values.append(float(value.detach()))
        if not value.requires_grad:
            continue
        gradients = torch.autograd.grad(
            value, list(trained.values()), allow_unused=True, retain_graph=shared
        )
        for name, gradient in zip(trained, gradients, strict=True):
            if gradient is not None:
                dense = gradient.to_dense() if gradient.is_sparse else gradient
                sink.add(name, sink.group_of(n), dense[None])
    return values
