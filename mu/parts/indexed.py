"""Rows of a user's DataLoaders, each sample read from its data set when it is asked for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from mu.data.base import Batch
from mu.doors.loaders import is_indexed
from mu.models.base import as_batch
from mu.parts.rows import Rows

DRAWN = RandomSampler | SubsetRandomSampler | WeightedRandomSampler
Key = tuple[int, Any]  # which loader, and the index in its data set


@dataclass(frozen=True)
class Source:
    """A DataLoader over a data set with an index.

    Attributes:
        loader: As the user made it.
        read: Makes a batch of what its ``collate_fn`` returns.
        seen: Index → number of the sample, in the order in which they were first met.
    """

    loader: Any
    read: Callable[[Any], Batch] = as_batch
    seen: dict[Any, int] = field(default_factory=dict)

    def indices(self, seed: int, epoch: int) -> list[Any]:
        """What its sampler names in an epoch; sorted where it only draws an order.

        Random numbers that the sampler takes from torch are fixed by the seed and the epoch, and
        taken from nothing else.
        """
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed + 1_000_003 * epoch)  # the CPU's alone
            found = [_plain(i) for i in chain.from_iterable(self.loader.batch_sampler)]
        plain = type(self.loader.batch_sampler) is BatchSampler
        if plain and isinstance(self.loader.sampler, DRAWN):
            found.sort()
        for index in found:
            self.seen.setdefault(index, len(self.seen))
        return found


def _plain(index: Any) -> Any:
    """The index as a number where it is a tensor or an array of one."""
    return index.item() if hasattr(index, "item") else index


def beneath(data: Any, index: Any) -> tuple[Any, Any]:
    """The data set below all subsets, and the index there of a sample.

    Example:
        >>> beneath(torch.utils.data.Subset([7, 8, 9], [2, 0]), 0)
        ([7, 8, 9], 2)
    """
    while hasattr(data, "indices") and hasattr(data, "dataset"):  # torch.utils.data.Subset
        data, index = data.dataset, int(data.indices[index])
    return data, index


def source_of(loader: Any) -> Source | None:
    """The loader as a `Source`, or None where its samples have no index.

    Args:
        loader: A DataLoader, or an object that reads one: its ``loader``, by its method ``read``.
    """
    inner, read = getattr(loader, "loader", None), getattr(loader, "read", None)
    if isinstance(inner, DataLoader) and callable(read) and not isinstance(loader, DataLoader):
        return source_of(inner) and Source(inner, read)
    return Source(loader) if is_indexed(loader) else None


class Sources(Dataset[Any]):
    """The data sets of several loaders, by `Key`."""

    def __init__(self, loaders: Sequence[Any]) -> None:
        self.datasets = [loader.dataset for loader in loaders]

    def __getitem__(self, key: Key) -> Any:
        return self.datasets[key[0]][key[1]]


class Indexed(Rows):
    """The samples that the samplers of some DataLoaders name, loader after loader.

    Args:
        sources: They share their ``collate_fn``.
        seed, epoch: For samplers that draw.
        keys: The rows; by default those of the epoch.
    """

    def __init__(
        self, sources: Sequence[Source], seed: int = 0, epoch: int = 0, keys: Any = None
    ) -> None:
        self.sources, self.seed = tuple(sources), seed
        if keys is None:
            keys = [
                (place, index)
                for place, source in enumerate(self.sources)
                for index in source.indices(seed, epoch)
            ]
        self.keys: list[Key] = keys

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def numbers(self) -> Tensor:
        starts = [0]
        for source in self.sources:
            starts.append(starts[-1] + len(source.seen))
        return torch.tensor([starts[s] + self.sources[s].seen[i] for s, i in self.keys])

    def renewed(self, seed: int, epoch: int) -> Rows:
        return Indexed(self.sources, seed, epoch)

    def batches(self, places: Sequence[Tensor]) -> Iterator[Batch]:
        own = self.sources[0].loader
        keys = [[self.keys[row] for row in rows.tolist()] for rows in places]
        loader: Any = DataLoader(
            Sources([source.loader for source in self.sources]),
            batch_sampler=keys,
            collate_fn=own.collate_fn,
            num_workers=own.num_workers,
            prefetch_factor=own.prefetch_factor,
            pin_memory=own.pin_memory,
            timeout=own.timeout,
            worker_init_fn=own.worker_init_fn,
            multiprocessing_context=own.multiprocessing_context,
            generator=torch.Generator().manual_seed(self.seed),
        )
        return map(self.sources[0].read, loader)

    def fits(self, other: "Indexed") -> bool:
        """Whether the samples of both can stand in one batch that one function collates."""
        first, second = self.sources[0], other.sources[0]
        return bool(
            first.loader.collate_fn == second.loader.collate_fn
            and getattr(first.read, "__func__", first.read)
            is getattr(second.read, "__func__", second.read)
        )

    def followed_by(self, other: "Indexed") -> "Indexed":
        """The rows of both."""
        start = len(self.sources)
        keys = [*self.keys, *((start + place, index) for place, index in other.keys)]
        return Indexed((*self.sources, *other.sources), self.seed, keys=keys)
