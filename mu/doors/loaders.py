"""A user's loader: its batches read and checked, as often as they are asked for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset

from mu.data.base import Batch
from mu.doors.batches import Fields, as_batch
from mu.doors.checked import Task
from mu.doors.outputs import targets_of
from mu.errors import UsageError

Loader = Iterable[Any]


class Read:
    """A loader whose batches are read as its fields say, and whose targets are checked.

    Args:
        loader: Yields the same set of batches each time it is iterated; see `rereadable`.
        fields: As for `mu.doors.batches.as_batch`.
        task: What the targets must be; None as long as that is not known.
        name: For messages.
    """

    def __init__(
        self, loader: Any, fields: Fields | None = None, task: Task | None = None, name: str = ""
    ) -> None:
        self.loader, self.fields, self.task, self.name = loader, fields, task, name

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        return map(self.read, self.loader)

    def read(self, item: Any) -> Batch:
        """One batch of what the loader yields.

        Raises:
            UsageError: It is no batch, or a target does not belong to the network.
        """
        batch = as_batch(item, self.fields)
        if self.task is None or not self.task.classes:
            return batch
        targets = targets_of(batch.y, self.task.columns)
        self.task.check(targets, batch.y)
        return batch if targets is batch.y else replace(batch, y=targets)

    def first(self) -> Batch:
        """A first batch, of two samples where the data set can be asked for them.

        Raises:
            UsageError: There are no batches, or the first is none.
        """
        loader = self.loader
        if is_indexed(loader) and loader.batch_size:
            places = list(range(min(2, len(loader.dataset))))
            items = [loader.collate_fn([loader.dataset[i] for i in places])] if places else []
        else:
            items = [next(iter(loader), None)]
        if not items or items[0] is None or not len(loader):
            raise UsageError(f"{self.name} has no batches: there are no samples")
        batch = self.read(items[0])
        if not len(batch):
            raise UsageError(f"the first batch of {self.name} has no samples")
        return batch


class Unlabelled(Read):
    """A loader whose class numbers nobody reads: negative ones, as of no label, become 0."""

    def read(self, item: Any) -> Batch:
        """As `Read`."""
        batch = as_batch(item, self.fields)
        unknown = batch.y.dim() == 1 and not batch.y.is_floating_point()
        return super().read(replace(batch, y=batch.y.clamp(min=0)) if unknown else batch)


def rereadable(loader: Loader, name: str) -> Any:
    """The loader, or a list of its batches where it can be read only once or has no length.

    Raises:
        UsageError: It is no loader, or reads the share of one of several processes.
    """
    kind = type(loader).__name__
    if isinstance(loader, Tensor | np.ndarray | str | Mapping) or _two_tensors(loader):
        raise UsageError(
            f"{name} is a {'pair of tensors' if _two_tensors(loader) else kind}, no loader: hand "
            "over [(x, y)], or DataLoader(TensorDataset(x, y), batch_size=64)"
        )
    if isinstance(loader, Dataset) and not isinstance(loader, IterableDataset):
        raise UsageError(
            f"{name} is a {kind}, which holds single samples: hand over "
            "torch.utils.data.DataLoader(dataset, batch_size=64)"
        )
    sampler = getattr(loader, "sampler", None)
    if isinstance(sampler, DistributedSampler) and sampler.num_replicas > 1:
        raise UsageError(
            f"{name} reads one of {sampler.num_replicas} shares of its data set "
            "(DistributedSampler), so each process would get another result: hand over loaders of "
            "all samples to every process"
        )
    try:
        once = iter(loader) is loader
    except TypeError as error:
        raise UsageError(
            f"{name} is a {type(loader).__name__}, no loader: hand over a list of batches (x, y) "
            "or a torch.utils.data.DataLoader"
        ) from error
    try:
        len(loader)  # type: ignore[arg-type]
    except TypeError:
        once = True
    return list(loader) if once else loader


def _two_tensors(loader: object) -> bool:
    """Whether it is inputs and targets where batches of them are due."""
    pair = isinstance(loader, tuple | list) and len(loader) == 2
    return pair and all(isinstance(one, Tensor | np.ndarray) for one in loader)  # type: ignore[attr-defined]


def is_indexed(loader: Any) -> bool:
    """Whether it is a DataLoader whose samples can be asked for by an index, and no other order."""
    own = isinstance(loader, DataLoader) and type(loader).__iter__ is DataLoader.__iter__
    return (
        own and loader.batch_sampler is not None and not isinstance(loader.dataset, IterableDataset)
    )
