"""What a method is handed: sets of samples that it can read as batches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from mu.data.base import Batch, Data, Ids, View


class Part(Protocol):
    """A set of samples handed to a method."""

    def batches(self, **options: Any) -> Any:
        """Re-iterable batches.

        Args:
            options: Those of `mu.data.base.Data.loader`; ``shuffle`` (another order, drawn once)
                and ``by_class`` (class after class). A user's own loaders heed none.
        """
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
    """A user's own loaders, one after the other; their batch size and order are kept."""

    loaders: tuple[Iterable[Any], ...]

    def __len__(self) -> int:
        return sum(len(loader) for loader in self.loaders)  # type: ignore[arg-type,misc]

    def __iter__(self) -> Iterator[Any]:
        for loader in self.loaders:
            yield from loader

    def batches(self, **options: Any) -> Any:
        """The loaders as they are."""
        return self


def move(batch: Batch, device: str) -> Batch:
    """The batch on a device; nothing is copied where it is there already."""
    if device == "cpu" and batch.y.device.type == "cpu":
        return batch
    weight = None if batch.weight is None else batch.weight.to(device)
    x = batch.x.to(device)
    return Batch(x, batch.y.to(device), batch.index.to(device), weight, batch.units)
