"""Samples that can be read in any order, and batches of them in an order drawn each epoch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.base import as_batch
from mu.parts.part import DataPart, Part


@dataclass(frozen=True)
class Rows:
    """n samples.

    Attributes:
        y: (n,) targets.
        read: Rows (m,) → inputs (m, …) in that order.
        units: Cost of one sample in passes of the network; 0 for features, which were computed
            before.
    """

    y: Tensor
    read: Callable[[Tensor], Tensor]
    units: int = 1

    def __len__(self) -> int:
        return len(self.y)


def held(x: Tensor, y: Tensor, units: int = 1) -> Rows:
    """Samples held in memory."""
    return Rows(y, lambda rows: x[rows], units)


def rows_of(part: Part) -> Rows:
    """A part as rows: read when asked for, or, of a user's own loaders, held in memory.

    Raises:
        UsageError: The inputs are no tensors, or there are none.
    """
    if isinstance(part, DataPart):
        data, ids, view = part.data, part.ids, part.view

        def read(rows: Tensor) -> Tensor:
            x: Tensor = next(iter(data.loader(ids[rows.numpy()], view))).x
            return x

        return Rows(torch.as_tensor(data.targets(ids)), read)
    return held(*gathered(part)[:2])


def gathered(part: Part) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, targets and ids (−1 where unknown) of a whole part, in memory.

    Raises:
        UsageError: The inputs are no tensors, or there are none.
    """
    batches = [as_batch(batch) for batch in part.batches()]
    if not batches or not all(isinstance(batch.x, Tensor) for batch in batches):
        raise UsageError("there are no samples, or their inputs are no tensors of one size")
    columns = ([b.x for b in batches], [b.y for b in batches], [b.index for b in batches])
    x, y, index = (torch.cat(column) for column in columns)
    return x, y, index


def joined(first: Rows, second: Rows) -> Rows:
    """The rows of the first, then those of the second.

    Example:
        >>> a, b = (held(torch.tensor(v), torch.tensor(v)) for v in ([1, 2], [3]))
        >>> joined(a, b).read(torch.tensor([2, 0, 1]))
        tensor([3, 1, 2])
    """
    size = len(first)

    def read(rows: Tensor) -> Tensor:
        early = rows < size
        if early.all() or not early.any():
            return first.read(rows) if early.all() else second.read(rows - size)
        x = torch.cat([first.read(rows[early]), second.read(rows[~early] - size)])
        place = torch.cat([early.nonzero()[:, 0], (~early).nonzero()[:, 0]])
        return x[place.argsort()]

    return Rows(torch.cat([first.y, second.y]), read, max(first.units, second.units))


class Shuffled:
    """Batches of rows; every epoch has an order of its own, fixed by the seed and the epoch."""

    def __init__(self, rows: Rows, batch_size: int | None, seed: int) -> None:
        self.rows, self.seed, self.epoch = rows, seed, 0
        self.batch_size = batch_size or max(len(rows), 1)

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.rows))
        for rows in torch.split(torch.from_numpy(order), self.batch_size):
            units = self.rows.units * len(rows)
            unknown = torch.full((len(rows),), -1)
            yield Batch(self.rows.read(rows), self.rows.y[rows], unknown, units=units)
