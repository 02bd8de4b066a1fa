"""What a method is handed: sets of samples that it can read as batches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mu.data.base import Batch, Data, Ids, View
from mu.data.graphs import GraphInput
from mu.doors.nested import moved
from mu.models.base import as_batch
from mu.parts.data_order import InDataOrder, in_data_order
from mu.parts.indexed import Indexed, source_of
from mu.parts.joined import joined
from mu.parts.rows import OfData, Rows, as_data, gathered


class Part(Protocol):
    """A set of samples handed to a method."""

    def batches(self, **options: Any) -> Any:
        """Re-iterable batches.

        Args:
            options: Those of `mu.data.base.Data.loader`; ``shuffle`` (another order, drawn once)
                and ``by_class`` (class after class). A user's own loader heeds none.
        """
        ...

    def rows(self) -> Rows:
        """The samples, to be read in any order."""
        ...


@dataclass(frozen=True)
class DataPart:
    """Ids of a data set seen through a view."""

    data: Data
    ids: Ids
    view: View

    def batches(
        self,
        *,
        shuffle: bool = False,
        by_class: bool = False,
        seed: int = 0,
        **options: Any,
    ) -> Any:
        """Batches of these ids in their order; see `Part`."""
        ids = self.ids
        if by_class:
            ids = ids[np.argsort(self.data.targets(ids), kind="stable")]
        if shuffle:
            generator = torch.Generator().manual_seed(seed)
            ids = ids[torch.randperm(len(ids), generator=generator).numpy()]
        return self.data.loader(ids, self.view, seed=seed, **options)

    def rows(self) -> Rows:
        """The samples in the order of these ids."""
        return OfData(self.data, self.ids, self.view)


class Weights:
    """Weights that are looked up by id."""

    def __init__(self, ids: Any, weights: Any) -> None:
        ids, weights = torch.as_tensor(ids), torch.as_tensor(weights)
        self.ids, order = ids.sort()
        self.weights = weights[order].float()

    def of(self, index: torch.Tensor, other: float) -> torch.Tensor:
        """(n,) weights of samples by id, ``other`` for those that have none here."""
        places = torch.searchsorted(self.ids, index).clamp(max=len(self.ids) - 1)
        return torch.where(self.ids[places] == index, self.weights[places], other)


@dataclass(frozen=True)
class WeightedPart(DataPart):
    """Ids with (n,) weights in the loss; samples that have no id, as drawn negatives, weigh 1."""

    weights: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def batches(self, **options: Any) -> Any:
        """As of `DataPart`, each batch with its weights."""
        return Weighing(super().batches(**options), Weights(self.ids, self.weights))


class Weighing:
    """Batches that are given weights by the ids in them."""

    def __init__(self, loader: Any, weights: Weights) -> None:
        self.loader, self.weights = loader, weights

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.loader:
            batch.weight = self.weights.of(batch.index, other=1.0)
            yield batch


@dataclass(frozen=True)
class LoaderPart:
    """A user's own loaders, one after the other.

    What one loader yields is taken as it is: the user's batch size and order are kept, and options
    of `batches` are without effect. Several loaders, or one with ``as_rows``, are read by single
    samples instead, in batches of the method's own, as a data set would be; see `rows`. Where all
    come from one data set (`mu.parts.data_order.places_in_data`) they stand in its order, so that
    batches are those that ``data=`` gives.

    Attributes:
        loaders: Each yields ``(x, y)`` or `Batch`.
        learner: Takes these batches; asked where sizes do not tell which dimension counts samples.
        as_rows: Whether a method's batch size and order hold for one loader, too.
    """

    loaders: tuple[Iterable[Any], ...]
    learner: nn.Module | None = None
    as_rows: bool = False

    def __len__(self) -> int:
        return sum(len(loader) for loader in self.loaders)  # type: ignore[arg-type,misc]

    def __iter__(self) -> Iterator[Any]:
        for loader in self.loaders:
            yield from loader

    def batches(self, **options: Any) -> Any:
        """The loaders as they are, or batches of their rows."""
        return as_data(self.rows(), **options) if options and heeds_options(self) else self

    @cached_property
    def is_graph(self) -> bool:
        """Whether the loaders yield a graph, which has no rows."""
        if all(source_of(loader) for loader in self.loaders):
            return False
        first = next(iter(self), None)
        return first is not None and isinstance(as_batch(first).x, GraphInput)

    def rows(self) -> Rows:
        """Every sample, loader after loader, or in the order of the data set they all come from.

        Samples of a DataLoader over a data set with an index are read from it when they are asked
        for, so that memory does not grow with the set; their order is that of the sampler, or of
        the index where the sampler only draws an order. All others are held in memory.

        Raises:
            UsageError: There are none, they are a graph, or they do not fit together.
        """
        return self._rows

    @cached_property
    def _rows(self) -> Rows:
        found = [self._rows_of(loader) for loader in self.loaders]
        whole = reduce(lambda first, second: joined(first, second, self.learner), found)
        return in_data_order(whole) if self.as_rows or len(self.loaders) > 1 else whole

    def _rows_of(self, loader: Iterable[Any]) -> Rows:
        source = source_of(loader)
        return gathered(loader, self.learner) if source is None else Indexed([source])


def of_learner(part: Part, learner: nn.Module) -> Part:
    """The part, which now knows the network that takes its batches."""
    return replace(part, learner=learner) if isinstance(part, LoaderPart) else part


def heeds_options(part: Part) -> bool:
    """Whether `Part.batches` gives batches of the size and order asked for."""
    if isinstance(part, LoaderPart):
        return (part.as_rows or len(part.loaders) > 1) and not part.is_graph
    return True


def has_seam(part: Part) -> bool:
    """Whether it is several loaders of which it is not known how they are parts of one data set."""
    several = isinstance(part, LoaderPart) and len(part.loaders) > 1
    return several and heeds_options(part) and not isinstance(part.rows(), InDataOrder)


def by_rows(part: Part) -> Part:
    """The part in batches of the method's own size and order, whoever's loader it is."""
    return replace(part, as_rows=True) if isinstance(part, LoaderPart) else part


def move(batch: Batch, device: str) -> Batch:
    """The batch on a device; nothing is copied where it is there already."""
    if device == "cpu" and batch.y.device.type == "cpu":
        return batch
    weight = None if batch.weight is None else batch.weight.to(device)
    x = moved(batch.x, device)
    return Batch(x, batch.y.to(device), batch.index.to(device), weight, batch.units)
