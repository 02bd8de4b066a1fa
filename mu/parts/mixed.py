"""Batches over D_f and D_r together, in which every sample knows where it belongs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mu.data.base import Batch, Batches
from mu.models.base import as_batch
from mu.parts.joined import joined
from mu.parts.part import DataPart, LoaderPart, Part, WeightedPart, Weights
from mu.parts.rows import Rows, as_trained


@dataclass
class Marked(Batch):
    """A batch whose samples are marked.

    Attributes:
        forget: (n,) true where a sample is to be forgotten.
        share: (n,) to what share, where the parts carry weights; None means wholly.
    """

    forget: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.bool))
    share: Tensor | None = None


class GraphLoaders:
    """Two sets of a user's batches of a graph, mixed batch by batch in an order of each epoch."""

    def __init__(self, parts: Sequence[Any], seed: int) -> None:
        self.parts, self.seed, self.epoch = parts, seed, 0

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def __iter__(self) -> Iterator[Marked]:
        order = np.concatenate([np.full(len(part), n) for n, part in enumerate(self.parts)])
        np.random.default_rng([self.seed, self.epoch]).shuffle(order)
        self.epoch += 1
        reading, count = [iter(part) for part in self.parts], 0
        for place in order:
            batch = as_batch(next(reading[place]))
            numbers = torch.arange(count, count + len(batch)) if place == 0 else batch.index
            count += len(batch) if place == 0 else 0
            yield marked(replace(batch, index=numbers), torch.full((len(batch),), bool(place == 0)))


class MixedRows:
    """Two sets of a user's samples, shuffled together as those of a data set are.

    Retained samples come first in the order that is shuffled, and have no id; those to forget are
    known by their number, which is the same in every epoch.
    """

    def __init__(
        self, retain: Rows, forget: Rows, batch_size: int | None, seed: int, learner: Any = None
    ) -> None:
        self.retain, self.forget, self.learner = retain, forget, learner
        self.seed, self.epoch = seed, 0
        self.batch_size = batch_size or len(retain) + len(forget)

    def __len__(self) -> int:
        return -(-(len(self.retain) + len(self.forget)) // self.batch_size)

    def __iter__(self) -> Iterator[Marked]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        retain, forget = (one.renewed(self.seed, epoch) for one in (self.retain, self.forget))
        rows = joined(retain, forget, self.learner)
        numbers = torch.cat([torch.full((len(retain),), -1), forget.numbers])
        order = as_trained(torch.arange(len(rows)), self.seed, epoch)
        places = torch.split(order, self.batch_size)
        for batch, own in zip(rows.batches(places), places, strict=True):
            yield marked(replace(batch, index=numbers[own]), own >= len(retain))


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

    Samples are shuffled together, each epoch anew. Those of a user's own loaders are read one by
    one for it (`mu.parts.part.LoaderPart.rows`) and come as they would from a data set that holds
    the retained ones first; only batches of a graph stay as they are. Samples without an id
    (negatives drawn for links) count as retained.

    Raises:
        UsageError: Samples of a user's loaders do not fit into one batch.
    """
    forget, retain = parts["forget"], parts["retain"]
    if not (isinstance(forget, DataPart) and isinstance(retain, DataPart)):
        if any(isinstance(part, LoaderPart) and part.is_graph for part in (forget, retain)):
            return GraphLoaders([forget.batches(), retain.batches()], seed)
        learner = getattr(forget, "learner", None)
        return MixedRows(retain.rows(), forget.rows(), batch_size, seed, learner)
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
