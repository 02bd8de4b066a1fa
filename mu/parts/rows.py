"""Samples that can be read in any order, and batches of them in an order drawn each epoch."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mu.data.base import Batch, Data, Ids, View, draws
from mu.data.graphs import GraphInput
from mu.errors import UsageError
from mu.models.base import as_batch
from mu.parts.cut import at, together
from mu.parts.nested import Axes, axes_of


class Rows:
    """N samples.

    Attributes:
        axes: See `mu.parts.nested.axes_of`; None where they are not known.
    """

    axes: Axes | None = None

    def __len__(self) -> int:
        raise NotImplementedError

    @property
    def numbers(self) -> Tensor:
        """(n,) what tells the samples apart: equal for the same sample, also in other epochs."""
        return torch.arange(len(self))

    def renewed(self, seed: int, epoch: int) -> "Rows":
        """The rows of an epoch; others only where a user's sampler draws them."""
        return self

    def batches(self, places: Sequence[Tensor]) -> Iterator[Batch]:
        """One batch for each of some lists of rows (m,), in their order."""
        raise NotImplementedError

    def read(self, rows: Tensor) -> Batch:
        """The samples at some rows, in that order."""
        return next(iter(self.batches([rows])))


@dataclass(frozen=True)
class Held(Rows):
    """Samples held in memory.

    Attributes:
        batch: All of them.
        units: Cost of one sample in passes of the network; 0 for features, which were computed
            before.
    """

    batch: Batch
    units: int = 1
    axes: Axes | None = (0,)

    def __len__(self) -> int:
        return len(self.batch)

    def batches(self, places: Sequence[Tensor]) -> Iterator[Batch]:
        for rows in places:
            yield replace(at(self.batch, rows, axes=self.axes), units=self.units * len(rows))


def held(x: Any, y: Tensor, units: int = 1, axes: Axes | None = (0,)) -> Held:
    """Samples held in memory, without ids."""
    return Held(Batch(x, y, torch.full((len(y),), -1)), units, axes)


@dataclass(frozen=True)
class OfData(Rows):
    """Samples of a data set, read when asked for."""

    data: Data
    ids: Ids
    view: View
    axes: Axes | None = (0,)

    def __len__(self) -> int:
        return len(self.ids)

    def batches(self, places: Sequence[Tensor]) -> Iterator[Batch]:
        for rows in places:
            yield next(iter(self.data.loader(self.ids[rows.numpy()], self.view)))


def gathered(
    batches: Iterable[Any], learner: nn.Module | None = None, axes: Axes | None = None
) -> Held:
    """All samples of some batches, in memory.

    Args:
        batches: `Batch` or ``(x, y)``.
        learner: Takes them; for `mu.parts.nested.axes_of`.
        axes: Where they are known.

    Raises:
        UsageError: There are none, they are graphs, or they do not fit together.
    """
    found = [as_batch(batch) for batch in batches]
    if not found:
        raise UsageError("there are no samples")
    if any(isinstance(batch.x, GraphInput) for batch in found):
        raise UsageError(
            "batches of a graph cannot be cut into samples; give data= and request= in place of "
            "loaders"
        )
    axes = axes or axes_of([(batch.x, len(batch)) for batch in found], learner)
    return Held(together(found, axes=axes), axes=axes)


Order = Callable[[Rows, int], Tensor]  # rows and an epoch → (n,) the order of the epoch


class Ordered:
    """Batches of rows in an order of each epoch; the epoch counter moves on by itself."""

    def __init__(self, rows: Rows, batch_size: int | None, seed: int, order: Order) -> None:
        self.rows, self.seed, self.order, self.epoch = rows, seed, order, 0
        self.batch_size = batch_size or max(len(rows), 1)

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        rows = self.rows.renewed(self.seed, epoch)
        yield from rows.batches(torch.split(self.order(rows, epoch), self.batch_size))


def shuffled(rows: Rows, batch_size: int | None, seed: int) -> Ordered:
    """Batches of rows; every epoch has an order of its own, fixed by the seed and the epoch."""

    def order(rows: Rows, epoch: int) -> Tensor:
        return torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(len(rows)))

    return Ordered(rows, batch_size, seed, order)


def as_data(
    rows: Rows,
    *,
    batch_size: int | None = None,
    shuffle: bool = False,
    by_class: bool = False,
    train: bool = False,
    seed: int = 0,
    augment: str | None = None,
) -> Ordered:
    """Batches of rows as those of a data set whose ids are their places; see `mu.parts.part.Part`.

    ``augment`` is without effect: what a user's loader yields is augmented as the user wants it.
    """

    def order(rows: Rows, epoch: int) -> Tensor:
        found = torch.arange(len(rows))
        if by_class:
            found = torch.from_numpy(np.argsort(labels_of(rows).numpy(), kind="stable"))
        if shuffle:
            generator = torch.Generator().manual_seed(seed)
            found = found[torch.randperm(len(found), generator=generator)]
        return found[as_trained(found, seed, epoch)] if train else found

    return Ordered(rows, batch_size, seed, order)


def as_trained(places: Tensor, seed: int, epoch: int) -> Tensor:
    """Order in which a data set reads the samples with these ids in an epoch of training.

    Args:
        places: (n,) a permutation of 0 … n − 1.
        seed: Of the draw.
        epoch: Of the draw.
    """
    drawn = draws(seed, epoch, 0, (len(places),))
    return torch.from_numpy(np.argsort(drawn[places.numpy()], kind="stable"))


def labels_of(rows: Rows, batch_size: int = 256) -> Tensor:
    """(n,) targets of rows, all of which are read for it."""
    places = torch.split(torch.arange(len(rows)), batch_size)
    return torch.cat([batch.y.cpu() for batch in rows.batches(places)])
