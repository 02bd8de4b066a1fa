"""Batches cut into samples and put together."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.parts.nested import Axes, axes_of, concatenated, taken


def at(
    batch: Batch,
    rows: Tensor | slice | list[int],
    learner: nn.Module | None = None,
    axes: Axes | None = None,
) -> Batch:
    """The samples of a batch at some rows, in that order.

    Args:
        batch: Its inputs are no graph.
        rows: Places in it.
        learner: For `axes_of`, where these are not known.
        axes: Which dimension of each input tensor counts samples.
    """
    axes = axes or axes_of([(batch.x, len(batch))], learner)
    weight = None if batch.weight is None else batch.weight[rows]
    x, y, index = taken(batch.x, rows, axes), batch.y[rows], batch.index[rows]
    return replace(batch, x=x, y=y, index=index, weight=weight, units=len(y))


def together(
    batches: Sequence[Batch], learner: nn.Module | None = None, axes: Axes | None = None
) -> Batch:
    """One batch of the samples of several, in their order; a sample without a weight weighs 1.

    Args:
        batches: At least one, none of a graph.
        learner: For `axes_of`, where these are not known.
        axes: Which dimension of each input tensor counts samples.

    Raises:
        UsageError: Their inputs do not fit together.
    """
    if len(batches) == 1:
        return batches[0]
    axes = axes or axes_of([(batch.x, len(batch)) for batch in batches], learner)
    weight = None
    if any(batch.weight is not None for batch in batches):
        weight = torch.cat(
            [
                torch.ones(len(b), device=b.y.device) if b.weight is None else b.weight
                for b in batches
            ]
        )
    return Batch(
        concatenated([batch.x for batch in batches], axes),
        torch.cat([batch.y for batch in batches]),
        torch.cat([batch.index for batch in batches]),
        weight,
        sum(batch.units for batch in batches),
    )
