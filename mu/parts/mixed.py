"""Batches over D_f and D_r together, in which every sample knows where it belongs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mu.data.base import Batch, Batches
from mu.models.base import as_batch
from mu.parts.part import DataPart, Part, WeightedPart, Weights


@dataclass
class Marked(Batch):
    """A batch whose samples are marked.

    Attributes:
        forget: (n,) true where a sample is to be forgotten.
        share: (n,) to what share, where the parts carry weights; None means wholly.
    """

    forget: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.bool))
    share: Tensor | None = None


class Loaders:
    """Two sets of a user's own batches, mixed batch by batch in an order drawn each epoch."""

    def __init__(self, parts: Sequence[Any], seed: int) -> None:
        self.parts, self.seed, self.epoch = parts, seed, 0

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def __iter__(self) -> Iterator[Marked]:
        order = np.concatenate([np.full(len(part), n) for n, part in enumerate(self.parts)])
        np.random.default_rng([self.seed, self.epoch]).shuffle(order)
        self.epoch += 1
        reading = [iter(part) for part in self.parts]
        for place in order:
            batch = as_batch(next(reading[place]))
            yield marked(batch, torch.full((len(batch),), bool(place == 0)))


def marked(batch: Batch, forget: Tensor) -> Marked:
    """The batch with its marks."""
    return Marked(batch.x, batch.y, batch.index, batch.weight, batch.units, forget)


def mixed(
    parts: Mapping[str, Part],
    batch_size: int | None,
    seed: int,
    augment: str | None = None,
) -> Any:
    """Re-iterable `Marked` batches over ``parts["forget"]`` and ``parts["retain"]``.

    Ids of the data are shuffled together, each epoch anew; a user's own loaders are
    mixed batch by batch. Samples without an id (negatives drawn for links) count as retained.
    """
    forget, retain = parts["forget"], parts["retain"]
    if not (isinstance(forget, DataPart) and isinstance(retain, DataPart)):
        return Loaders([forget.batches(), retain.batches()], seed)
    ids = np.union1d(forget.ids, retain.ids)
    weights = torch.from_numpy(forget.weights) if isinstance(forget, WeightedPart) else None
    both = DataPart(retain.data, ids, retain.view)
    loader: Batches = both.batches(batch_size=batch_size, train=True, seed=seed, augment=augment)
    gone = torch.from_numpy(forget.ids)
    return Mixed(loader, gone, weights)


class Mixed:
    """A loader whose batches are marked by their ids, and by weights of the forgotten ones."""

    def __init__(self, loader: Batches, gone: Tensor, weights: Tensor | None = None) -> None:
        self.loader, self.gone = loader, gone
        self.weighed = None if weights is None else Weights(gone, weights)

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Marked]:
        for batch in self.loader:
            found = marked(batch, torch.isin(batch.index, self.gone))
            if self.weighed is not None:
                found.share = self.weighed.of(batch.index, other=0.0)
            yield found
