"""What a method is handed: sets of samples that it can read as batches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from mu.data.base import Batch, Data, Ids, View


class Part(Protocol):
    """A set of samples handed to a method."""

    def batches(
        self,
        *,
        batch_size: int | None = None,
        train: bool = False,
        shuffle: bool = False,
        seed: int = 0,
        augment: str | None = None,
        by_class: bool = False,
    ) -> Any:
        """Re-iterable batches; see `mu.data.base.Data.loader`."""
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
        batch_size: int | None = None,
        train: bool = False,
        shuffle: bool = False,
        seed: int = 0,
        augment: str | None = None,
        by_class: bool = False,
    ) -> Any:
        """Batches of these ids in their order.

        ``shuffle`` draws another one, once; ``by_class`` takes class after class; ``train`` draws
        one each epoch.
        """
        ids = self.ids
        if by_class:
            ids = ids[np.argsort(self.data.targets(ids), kind="stable")]
        if shuffle:
            generator = torch.Generator().manual_seed(seed)
            ids = ids[torch.randperm(len(ids), generator=generator).numpy()]
        return self.data.loader(
            ids, self.view, batch_size=batch_size, train=train, seed=seed, augment=augment
        )


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
    if device == "cpu":
        return batch
    weight = None if batch.weight is None else batch.weight.to(device)
    x = batch.x.to(device)
    return Batch(x, batch.y.to(device), batch.index.to(device), weight, batch.units)
