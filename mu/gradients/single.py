"""Losses and gradients of single samples, one backward pass each: exact for any network."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from mu.data.base import Batch
from mu.gradients.sink import Sink
from mu.models.base import Learner

Loss = Callable[[Tensor, Tensor], Tensor]


def at(batch: Batch, rows: Tensor | slice) -> Batch:
    """The samples of a batch with tensor inputs at some rows, in that order."""
    weight = None if batch.weight is None else batch.weight[rows]
    x, y, index = batch.x[rows], batch.y[rows], batch.index[rows]
    return replace(batch, x=x, y=y, index=index, weight=weight, units=len(y))


def single_losses(learner: Learner, batch: Batch, loss: Loss) -> Iterator[Tensor]:
    """The loss of each sample of a batch, each on a graph that may be back-propagated alone.

    Tensor inputs are sliced, so that one backward pass costs one sample; other inputs (a graph)
    share one forward pass.
    """
    if isinstance(batch.x, Tensor):
        for n in range(len(batch)):
            yield loss(*learner.outputs(at(batch, slice(n, n + 1)))).mean()
        return
    logits, targets = learner.outputs(batch)
    yield from loss(logits, targets)


def add_singles(learner: Learner, batch: Batch, loss: Loss, sink: Sink) -> list[float]:
    """Add what the samples of a batch contribute, one backward pass a sample.

    Returns:
        The loss of each sample.
    """
    shared = not isinstance(batch.x, Tensor)
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
