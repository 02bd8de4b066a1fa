"""A part cut down to samples drawn from it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.base import as_batch
from mu.parts.part import DataPart, LoaderPart, Part


def sampled(part: Part, samples: int | None, seed: int) -> Part:
    """At most ``samples`` samples of a part, drawn without replacement; None takes all of them.

    Of a user's own loaders every batch is looked at once, since only then is it known how many
    samples there are; what is drawn is held in memory.

    Raises:
        UsageError: ``samples`` is below 1.

    Example:
        >>> part = LoaderPart(([(torch.zeros(5, 2), torch.arange(5))],))
        >>> [len(batch) for batch in sampled(part, 3, seed=0).batches()]
        [3]
    """
    if samples is None:
        return part
    if samples < 1:
        raise UsageError(f"samples={samples} must be at least 1, or null for all")
    if isinstance(part, DataPart):
        order = np.random.default_rng(seed).permutation(len(part.ids))
        return replace(part, ids=np.sort(part.ids[order[:samples]]))
    batch = draw(part.batches(), samples, seed)
    return part if batch is None else LoaderPart(([batch],))


def draw(batches: Iterable[Any], samples: int, seed: int) -> Batch | None:
    """Samples drawn from a stream as one batch; None where the inputs are no tensors (a graph)."""
    generator = torch.Generator().manual_seed(seed)
    keys = torch.empty(0)
    found: list[Tensor] = []
    for item in batches:
        batch = as_batch(item)
        if not isinstance(batch.x, Tensor):
            return None
        keys = torch.cat([keys, torch.rand(len(batch), generator=generator)])
        pieces = (batch.x, batch.y, batch.index)
        before = found or [piece[:0] for piece in pieces]
        found = [torch.cat([a, b]) for a, b in zip(before, pieces, strict=True)]
        best = keys.argsort()[:samples].sort().values
        keys, found = keys[best], [tensor[best] for tensor in found]
    if not found:
        raise UsageError("there are no samples to draw from")
    x, y, index = found
    return Batch(x, y, index)
