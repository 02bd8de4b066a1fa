"""What the pipeline knows of a data set: absolute ids, parts, views and batches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from mu.artifact import Artifact, digest
from mu.data.normalisation import PLAIN_INPUTS, Normalisation
from mu.errors import UsageError

if TYPE_CHECKING:
    from mu.data.activations import Activations

Ids = NDArray[np.int64]


@dataclass
class Batch:
    """What a model sees at once.

    Attributes:
        x: Exactly what ``model(x)`` takes.
        y: (n, …) targets.
        index: (n,) absolute ids; −1 marks a sample without one (drawn negatives).
        weight: (n,) weights in the loss, or None for ones.
        units: Cost of one forward pass over the batch; by default its samples, and 1, one encoder
            pass over the view, where ``x`` is a graph.
    """

    x: Any
    y: Tensor
    index: Tensor
    weight: Tensor | None = None
    units: int = -1

    def __post_init__(self) -> None:
        if self.units < 0:
            self.units = 1 if hasattr(self.x, "adjacency") else len(self.y)  # a `GraphInput`

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


@dataclass(frozen=True)
class Reading:
    """How the samples of one epoch are read; see `Data.loader`."""

    batch_size: int
    train: bool = False
    seed: int = 0
    augment: str | None = None
    epoch: int = 0


class Data(pl.LightningDataModule):
    """Base of every data set; a Lightning Trainer takes it as ``datamodule``.

    A subclass sets ``parts`` (``train``, ``validation``, ``test`` → ids), ``sizes`` (kind of
    element → how many there are) and ``model_facts`` (values that fill ``???`` in a model's
    configuration), and implements `fingerprint`, `targets`, `without`, `affected`, `read_batches`.
    Where it knows them it also sets ``class_names`` (one a class trained on), ``levels`` (name of
    another labelling → (N,) labels by id), ``level_names`` (… → names of its classes) and
    ``normalised`` (how its inputs come), ``file_names`` (name of the file of each sample, by id,
    below ``file_root``). ``groups`` holds the group of each sample or node, such as a customer,
    where the user gives them.
    ``reading`` holds the options of `loader` for a Trainer's batches, as
    ``{"batch_size": 128, "augment": "crop_flip"}``; mu itself does not read it.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"samples"})
    trains_whole: ClassVar[bool] = False  # whether an epoch of training is one batch
    reading: Mapping[str, Any] = MappingProxyType({"batch_size": 128})
    parts: dict[str, Ids]
    sizes: dict[str, int]
    model_facts: dict[str, Any]
    class_names: list[str] | None = None
    normalised: Normalisation | None = None
    levels: Mapping[str, NDArray[Any]] = MappingProxyType({})
    level_names: Mapping[str, Sequence[str]] = MappingProxyType({})
    file_names: Sequence[str] | None = None
    file_root: Path | None = None
    groups: NDArray[Any] | None = None

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
        size = None if train and self.trains_whole else batch_size
        how = Reading(size or max(len(ids), 1), train, seed, augment)
        count = -(-len(ids) // how.batch_size)
        return Batches(
            lambda n: self.read_batches(ids, view, replace(how, epoch=n)), count, len(ids)
        )

    def read_batches(self, ids: Ids, view: View | None, how: Reading) -> Iterator[Batch]:
        """The batches of one epoch of `loader`."""
        raise NotImplementedError

    def train_dataloader(self) -> Batches:
        return self.loader(self.parts["train"], train=True, **self.reading)

    def val_dataloader(self) -> Batches:
        return self.loader(self.parts["validation"], batch_size=self.reading.get("batch_size"))

    def test_dataloader(self) -> Batches:
        return self.loader(self.parts["test"], batch_size=self.reading.get("batch_size"))

    def predict_dataloader(self) -> Batches:
        return self.loader(self.universe(), batch_size=self.reading.get("batch_size"))

    def universe(self) -> Ids:
        """Ids of everything scores may ask about."""
        return np.unique(np.concatenate(list(self.parts.values())))

    def id_count(self) -> int:
        """N: ids of samples, or of nodes where there are some, are 0 … N − 1."""
        return self.sizes.get("nodes") or int(self.universe().max()) + 1

    def part_of(self, sample: int) -> str:
        """Which part a sample is of, in words."""
        found = (name for name, ids in self.parts.items() if np.isin(sample, ids))
        return f"in the {next(found)} part" if sample in self.universe() else "in no part"

    def mask_sizes(self, kind: str) -> list[int]:
        """How many booleans a mask of the elements of a kind may have, one for each id from 0.

        One for every id; where samples of other parts than the test part come first, a mask may
        end with them.
        """
        if kind != "samples":
            return [self.sizes[kind]]
        train = self.parts["train"]
        both = np.union1d(train, self.parts["validation"])
        starts = [len(ids) for ids in (both, train) if len(ids) and ids[-1] == len(ids) - 1]
        return list(dict.fromkeys([int(self.universe().max()) + 1, *starts]))

    def element_names(self, kind: str, ids: Ids) -> list[str] | None:
        """What people call the elements: names of files; None where ids are all there is."""
        if kind != "samples" or self.file_names is None:
            return None
        return [self.file_names[i] for i in ids.tolist()]

    def nameable(self, kind: str) -> Ids:
        """Ids that a request may name one by one; selectors draw from `elements`.

        Raises:
            UsageError: The data have no such elements.
        """
        return self.elements(kind)

    def elements(self, kind: str) -> Ids:
        """Ids of the elements of a kind that a selector may draw.

        Raises:
            UsageError: The data have no such elements.
        """
        if kind not in self.kinds:
            raise UsageError(
                f"{type(self).__name__} has no {kind!r} to forget; "
                f"it has {', '.join(sorted(self.kinds))} (kind=…)"
            )
        return self.parts["train"] if kind == "samples" else np.arange(self.sizes[kind])

    def element_labels(self, kind: str, level: str | None = None) -> NDArray[Any] | None:
        """Class of each element in `elements`, or None where elements have no class.

        ``level`` names another labelling than the one trained on, for instance the fine classes
        of data trained on coarse ones.

        Raises:
            UsageError: The data have no such labelling.
        """
        ids = self.elements(kind)
        if level is not None:
            return self.labelling(level)[ids]
        return self.targets(ids) if kind == "samples" else None

    def labelling(self, level: str) -> NDArray[Any]:
        """(N,) labels of a level by id.

        Raises:
            UsageError: The data have no such labelling; the message names those they have.
        """
        if level not in self.levels:
            known = ", ".join(sorted(self.levels)) or "only the one trained on (null)"
            raise UsageError(f"{type(self).__name__} has no labelling {level!r}; it has {known}")
        return self.levels[level]

    def stopping(self, kept: Kept) -> Ids:
        """Validation samples whose loss may end training on ``kept``: of classes it still holds.

        While a model gets better at the rest, it gets worse at a class that it never saw, and would
        be stopped at once.
        """
        ids = self.parts["validation"]
        labels = self.targets(ids)
        if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
            return ids
        found: Ids = ids[np.isin(labels, self.targets(kept.ids))]
        return found

    def outside(self, kind: str, ids: Ids) -> Ids:
        """Of some elements to forget the samples that no model was trained on.

        What a model says of them is scored beside what it says of D_f.
        """
        return np.empty(0, np.int64)

    def unasked(self, removed: Mapping[str, Ids]) -> Ids:
        """Held-out samples that scores must not ask about once ``removed`` is gone."""
        return np.empty(0, np.int64)

    def pairs_of_ids(self) -> NDArray[np.int64] | None:
        """(N, 2) nodes of every id where a sample is a pair of nodes, else None."""
        return None

    def thumbnails(self, ids: Ids) -> NDArray[np.uint8] | None:
        """(n, H, W, 3 or 1) small pictures of the samples, or None where there are none."""
        return None


class TensorData(Data):
    """Samples without shared structure, held in memory as one tensor.

    Args:
        x: (N, …) inputs; uint8 images are scaled to [0, 1] when read.
        y: (N, …) targets.
        train, validation, test: Disjoint ids.
        mean, std: Per-channel normalisation of images (N, C, H, W), or None.

    With ``activations``, what a frozen trunk makes of the samples stands in their place.

    Raises:
        UsageError: Lengths, ids or normalisation do not fit.
    """

    activations: "Activations | None" = None

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        *,
        train: Ids,
        validation: Ids,
        test: Ids,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if len(x) != len(y):
            raise UsageError(f"{len(x)} inputs and {len(y)} targets: each input needs one")
        self.x, self.y = x, y
        self.parts = {
            "train": np.sort(train).astype(np.int64),
            "validation": np.sort(validation).astype(np.int64),
            "test": np.sort(test).astype(np.int64),
        }
        check_parts(self.parts, len(x))
        self.sizes = {"samples": len(train)}
        self.model_facts = {}
        self.mean, self.std = _per_channel("mean", mean, x), _per_channel("std", std, x)
        self.normalised = PLAIN_INPUTS
        if self.mean is not None and self.std is not None:
            self.normalised = Normalisation(
                self.mean.flatten().tolist(), self.std.flatten().tolist()
            )

    def fingerprint(self) -> str:
        value = blake2b(digest_size=16)
        for tensor in (self.x, self.y, *(torch.from_numpy(ids) for ids in self.parts.values())):
            value.update(str((tensor.dtype, tuple(tensor.shape))).encode())
            value.update(tensor.contiguous().numpy().data)
        return value.hexdigest()

    def targets(self, ids: Ids) -> NDArray[Any]:
        return self.y[torch.from_numpy(ids)].numpy()

    def without(self, removed: Mapping[str, Ids]) -> Kept:
        return Kept(np.setdiff1d(self.parts["train"], named_in(removed, "samples")))

    def affected(self, kind: str, ids: Ids) -> Ids:
        return np.sort(named_in({kind: ids}, kind))

    def inputs(self, ids: Ids) -> Tensor:
        """(n, …) float inputs of the ids, normalised, not augmented; those of a trunk if it has."""
        if self.activations is not None:
            return self.activations.rows(ids)
        x = self.x[torch.from_numpy(ids)]
        if x.dtype == torch.uint8:
            x = x.float().div_(255)
        if self.mean is not None and self.std is not None:
            x = x.sub_(self.mean).div_(self.std)
        return x

    def augmented(self, x: Tensor, ids: Ids, name: str, seed: int, epoch: int) -> Tensor:
        """Inputs changed by the augmentation ``name``, drawn per (seed, epoch, id)."""
        raise UsageError(f"{type(self).__name__} has no augmentation named {name!r}; use null")

    def read_batches(self, ids: Ids, view: View | None, how: Reading) -> Iterator[Batch]:
        order = ids
        if how.train:
            drawn = draws(how.seed, how.epoch, 0, (len(self.x),))
            order = ids[np.argsort(drawn[ids], kind="stable")]
        for start in range(0, len(order), how.batch_size):
            part = order[start : start + how.batch_size]
            x = self.inputs(part)
            if how.train and how.augment:
                x = self.augmented(x, part, how.augment, how.seed, how.epoch)
            index = torch.from_numpy(part)
            yield Batch(x, self.y[index], index)


def named_in(removed: Mapping[str, Ids], kind: str) -> Ids:
    """The ids of a kind in ``removed``; none where it names none.

    Raises:
        UsageError: They are no list of whole numbers: a mask or pairs would name other elements.

    Example:
        >>> named_in({"edges": [4, 2]}, "edges")
        array([4, 2])
    """
    if kind not in removed:
        return np.empty(0, np.int64)
    found = np.asarray(removed[kind])
    if found.ndim != 1 or (len(found) and not np.issubdtype(found.dtype, np.integer)):
        way = "data.edge_ids(pairs) are the ids of pairs, " if kind == "edges" else ""
        raise UsageError(
            f"{kind} of shape {found.shape} and type {found.dtype} are not a list of ids: {way}"
            "mask.nonzero() those of a mask"
        )
    return found.astype(np.int64)


def check_parts(parts: Mapping[str, Ids], size: int) -> None:
    """Refuse parts that are not disjoint sets of ids in 0 … size − 1.

    Raises:
        UsageError: An id is out of range, or named twice.

    Example:
        >>> check_parts({"train": np.array([0, 1]), "test": np.array([1])}, 2)
        Traceback (most recent call last):
        mu.errors.UsageError: sample 1 is named twice among train, test
    """
    ids, counts = np.unique(np.concatenate(list(parts.values())), return_counts=True)
    outside = ids[(ids < 0) | (ids >= size)]
    if outside.size:
        raise UsageError(f"sample {outside[0]} is not there: the ids are 0 to {size - 1}")
    if (counts > 1).any():
        raise UsageError(f"sample {ids[counts > 1][0]} is named twice among {', '.join(parts)}")


def _per_channel(name: str, values: Sequence[float] | None, x: Tensor) -> Tensor | None:
    """(C, 1, 1) or (1, 1, 1) numbers to normalise images (N, C, H, W) with."""
    if values is None:
        return None
    given = torch.tensor([float(v) for v in values])
    if len(given) not in (1, x.shape[1]) or (name == "std" and not (given > 0).all()):
        rule = "positive numbers" if name == "std" else "numbers"
        raise UsageError(f"{name}={given.tolist()} must be 1 or {x.shape[1]} {rule}")
    return given.view(-1, 1, 1)


def removed_elements(selections: Sequence[Artifact]) -> dict[str, Ids]:
    """Elements by kind that a list of selections takes away."""
    removed: dict[str, Ids] = {}
    for selection in selections:
        kind, ids = selection.facts["kind"], selection.arrays["elements"]
        removed[kind] = np.union1d(removed.get(kind, np.empty(0, np.int64)), ids)
    return removed
