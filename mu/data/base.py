"""What the pipeline knows of a data set: absolute ids, parts, views and batches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, ClassVar

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from mu.artifact import Artifact, digest
from mu.errors import UsageError

Ids = NDArray[np.int64]


@dataclass
class Batch:
    """What a model sees at once.

    Attributes:
        x: Exactly what ``model(x)`` takes.
        y: (n, …) targets.
        index: (n,) absolute ids; −1 marks a sample without one (drawn negatives).
        weight: (n,) weights in the loss, or None for ones.
        units: Cost of one forward pass over the batch: samples for images and tables, 1 (one
            encoder pass over the view) for graphs.
    """

    x: Any
    y: Tensor
    index: Tensor
    weight: Tensor | None = None
    units: int = 0

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class View:
    """Elements that inference must not see, by kind; empty for data without shared structure."""

    removed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def digest(self) -> str:
        """Content digest; equal views share predictions."""
        return digest({k: list(v) for k, v in self.removed.items() if len(v)})


@dataclass(frozen=True)
class Kept:
    """What a model may be trained on: sample ids and the view they are seen through."""

    ids: Ids
    view: View = field(default_factory=View)

    def digest(self) -> str:
        """Content digest; equal sets share a model however they were chosen."""
        return digest([blake2b(self.ids.tobytes(), digest_size=16).hexdigest(), self.view.digest()])


def draws(seed: int, epoch: int, purpose: int, size: tuple[int, ...]) -> NDArray[np.float64]:
    """Uniform numbers fixed by (seed, epoch, purpose): row i belongs to id i.

    Drawn for *all* ids, so that what an id gets depends neither on the other ids of its batch nor
    on the number of workers.
    """
    return np.random.default_rng([seed & 0xFFFFFFFF, epoch, purpose]).random(size)


class Batches:
    """Batches of one epoch each time it is iterated; the epoch counter moves on by itself.

    Args:
        make: ``make(epoch)`` yields the batches of that epoch.
        length: Number of batches in an epoch.
        samples: Number of samples with ids in an epoch.
    """

    def __init__(self, make: Callable[[int], Iterator[Batch]], length: int, samples: int) -> None:
        self._make, self._length, self.samples, self.epoch = make, length, samples, 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Batch]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        return self._make(epoch)


class Data(pl.LightningDataModule):
    """Base of every data set.

    A subclass sets ``parts`` (``train``, ``validation``, ``test`` → ids), ``sizes`` (kind of
    element → how many there are) and ``model_facts`` (values that fill ``???`` in a model's
    configuration), and implements `fingerprint`, `targets`, `without`, `affected`, `loader`.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"samples"})
    parts: dict[str, Ids]
    sizes: dict[str, int]
    model_facts: dict[str, Any]

    def fingerprint(self) -> str:
        """Digest of the content, split included."""
        raise NotImplementedError

    def targets(self, ids: Ids) -> NDArray[Any]:
        """(len(ids), …) labels or values."""
        raise NotImplementedError

    def without(self, removed: Mapping[str, Ids]) -> Kept:
        """What is left once ``removed`` (kind → element ids) is gone."""
        raise NotImplementedError

    def affected(self, kind: str, ids: Ids) -> Ids:
        """Training samples that stand for the elements ``ids``: the set scores call D_f."""
        raise NotImplementedError

    def loader(
        self,
        ids: Ids,
        view: View | None = None,
        *,
        batch_size: int | None = None,
        train: bool = False,
        seed: int = 0,
        augment: str | None = None,
    ) -> Batches:
        """Batches of ``ids`` seen through ``view``.

        ``train`` draws order, augmentation and negatives per (seed, epoch); otherwise the order is
        that of ``ids`` and nothing is random. ``batch_size=None`` means one batch.
        """
        raise NotImplementedError

    def universe(self) -> Ids:
        """Ids of everything scores may ask about."""
        return np.unique(np.concatenate(list(self.parts.values())))

    def elements(self, kind: str) -> Ids:
        """Ids of the elements of a kind that a request may name.

        Raises:
            UsageError: The data have no such elements.
        """
        if kind not in self.kinds:
            raise UsageError(
                f"{type(self).__name__} has no {kind!r} to forget; "
                f"it has {', '.join(sorted(self.kinds))}"
            )
        return self.parts["train"] if kind == "samples" else np.arange(self.sizes[kind])

    def element_labels(self, kind: str) -> NDArray[Any] | None:
        """Class of each element in `elements`, or None where elements have no class."""
        return self.targets(self.elements(kind)) if kind == "samples" else None


class TensorData(Data):
    """Samples without shared structure, held in memory as one tensor.

    Args:
        x: (N, …) inputs; uint8 images are scaled to [0, 1] when read.
        y: (N, …) targets.
        train, validation, test: Disjoint ids.
        mean, std: Per-channel normalisation of images (N, C, H, W), or None.
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        *,
        train: Ids,
        validation: Ids,
        test: Ids,
        mean: tuple[float, ...] | None = None,
        std: tuple[float, ...] | None = None,
    ) -> None:
        super().__init__()
        self.x, self.y = x, y
        self.parts = {
            "train": np.sort(train).astype(np.int64),
            "validation": np.sort(validation).astype(np.int64),
            "test": np.sort(test).astype(np.int64),
        }
        self.sizes = {"samples": len(train)}
        self.model_facts = {}
        self.mean = None if mean is None else torch.tensor(mean).view(-1, 1, 1)
        self.std = None if std is None else torch.tensor(std).view(-1, 1, 1)

    def fingerprint(self) -> str:
        value = blake2b(digest_size=16)
        for tensor in (self.x, self.y, *(torch.from_numpy(ids) for ids in self.parts.values())):
            value.update(str((tensor.dtype, tuple(tensor.shape))).encode())
            value.update(tensor.contiguous().numpy().data)
        return value.hexdigest()

    def targets(self, ids: Ids) -> NDArray[Any]:
        return self.y[torch.from_numpy(ids)].numpy()

    def without(self, removed: Mapping[str, Ids]) -> Kept:
        gone = removed.get("samples", np.empty(0, np.int64))
        return Kept(np.setdiff1d(self.parts["train"], gone))

    def affected(self, kind: str, ids: Ids) -> Ids:
        return np.sort(ids)

    def inputs(self, ids: Ids) -> Tensor:
        """(n, …) float inputs of the ids, normalised, not augmented."""
        x = self.x[torch.from_numpy(ids)]
        if x.dtype == torch.uint8:
            x = x.float().div_(255)
        if self.mean is not None and self.std is not None:
            x = x.sub_(self.mean).div_(self.std)
        return x

    def augmented(self, x: Tensor, ids: Ids, name: str, seed: int, epoch: int) -> Tensor:
        """Inputs changed by the augmentation ``name``, drawn per (seed, epoch, id)."""
        raise UsageError(f"{type(self).__name__} has no augmentation named {name!r}; use null")

    def loader(
        self,
        ids: Ids,
        view: View | None = None,
        *,
        batch_size: int | None = None,
        train: bool = False,
        seed: int = 0,
        augment: str | None = None,
    ) -> Batches:
        size = batch_size or max(len(ids), 1)

        def make(epoch: int) -> Iterator[Batch]:
            order = ids
            if train:
                order = ids[np.argsort(draws(seed, epoch, 0, (len(self.x),))[ids], kind="stable")]
            for start in range(0, len(order), size):
                part = order[start : start + size]
                x = self.inputs(part)
                if train and augment:
                    x = self.augmented(x, part, augment, seed, epoch)
                index = torch.from_numpy(part)
                yield Batch(x, self.y[index], index, units=len(part))

        return Batches(make, -(-len(ids) // size), len(ids))


def removed_elements(selections: Sequence[Artifact]) -> dict[str, Ids]:
    """Elements by kind that a list of selections takes away."""
    removed: dict[str, Ids] = {}
    for selection in selections:
        kind, ids = selection.facts["kind"], selection.arrays["elements"]
        removed[kind] = np.union1d(removed.get(kind, np.empty(0, np.int64)), ids)
    return removed
