"""What all image data sets share: checks, class names, pictures, augmentation, draws of parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mu.data.augment import AUGMENTATIONS, is_flipped, uniform_numbers
from mu.data.base import Ids, TensorData
from mu.data.facts import check_augmentation
from mu.data.listing import read_listing
from mu.data.split import drawn_parts
from mu.errors import UsageError

THUMBNAIL = 64  # pixels on the longer side


class ImageData(TensorData):
    """Images with one class each, held in memory or in a memory-mapped file.

    Args:
        x: (N, C, H, W) images: uint8, or floats in [0, 1].
        y: (N,) int64 classes from 0.
        parts: ``train``, ``validation`` and ``test``: disjoint ids.
        class_names: One for each class.
        shape: (C, H, W) that the images must have, or None.
        mean, std: Normalisation, one number or one for each channel; None for none.

    Raises:
        UsageError: Images, labels, ids or normalisation do not fit.
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        parts: Mapping[str, Ids],
        *,
        class_names: Sequence[str],
        shape: tuple[int, int, int] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        check_images(x, y, len(class_names), shape)
        super().__init__(x, y, mean=mean, std=std, **parts)
        self.class_names = list(class_names)
        self.model_facts = {"in_channels": x.shape[1], "num_classes": len(class_names)}
        if x.shape[2] == x.shape[3]:
            self.model_facts["image_size"] = x.shape[2]

    def augmented(self, x: Tensor, ids: Ids, name: str, seed: int, epoch: int) -> Tensor:
        if name not in AUGMENTATIONS:
            known = ", ".join([*AUGMENTATIONS, "null"])
            raise UsageError(f"no augmentation is named {name!r}; images have {known}")
        numbers = uniform_numbers(seed, epoch, len(self.x), ids)
        if self.activations is None:
            return AUGMENTATIONS[name](x, numbers)
        check_augmentation(name)
        return self.activations.mirrored(x, ids, is_flipped(numbers))

    def thumbnails(self, ids: Ids) -> NDArray[np.uint8] | None:
        if self.x.shape[1] not in (1, 3):
            return None
        x = self.x[torch.from_numpy(ids)]
        if x.dtype != torch.uint8:
            x = as_bytes(x * 255)
        longer = max(x.shape[2:])
        if longer > THUMBNAIL:
            size = [max(1, round(side * THUMBNAIL / longer)) for side in x.shape[2:]]
            small = functional.interpolate(x.float(), size, mode="bilinear", antialias=True)
            x = as_bytes(small)
        found: NDArray[np.uint8] = x.permute(0, 2, 3, 1).contiguous().numpy()
        return found


def as_bytes(x: Tensor) -> Tensor:
    """Numbers rounded to bytes."""
    return x.round().clamp(0, 255).to(torch.uint8)


def check_images(
    x: Tensor, y: Tensor, num_classes: int, shape: tuple[int, int, int] | None = None
) -> None:
    """Refuse images of another shape and labels that name no class.

    Raises:
        UsageError: What is wrong, and of the first sample where.

    Example:
        >>> check_images(torch.zeros(2, 1, 8, 8), torch.tensor([0, 4]), num_classes=3)
        Traceback (most recent call last):
        mu.errors.UsageError: image 1 has label 4; the 3 classes are 0 to 2
    """
    if x.ndim != 4:
        raise UsageError(f"images must be (N, channels, height, width), not {tuple(x.shape)}")
    if shape is not None and tuple(x.shape[1:]) != shape:
        found, wanted = "×".join(map(str, x.shape[1:])), "×".join(map(str, shape))
        raise UsageError(f"images are {found} (channels×height×width) where {wanted} is expected")
    if y.ndim != 1 or y.dtype != torch.int64:
        raise UsageError(f"labels must be (N,) int64, not {tuple(y.shape)} {y.dtype}")
    wrong = torch.nonzero((y < 0) | (y >= num_classes)).flatten()
    if len(wrong):
        first = int(wrong[0])
        raise UsageError(
            f"image {first} has label {int(y[first])}; "
            f"the {num_classes} classes are 0 to {num_classes - 1}"
        )


def validation_of(given: str | float | None, count: int, first: int) -> int | Ids:
    """How many published training images are held out, or which.

    Args:
        given: "none", a share, the path of a file of ids, or None.
        count: How many, where None is given.
        first: Published training images.

    Raises:
        UsageError: Something else, or a file that names something else.

    Example:
        >>> validation_of(0.1, 5, 200), validation_of("none", 5, 200)
        (20, array([], dtype=int64))
    """
    if given is None:
        return count
    if isinstance(given, str) and given.lower() == "none":
        return np.empty(0, np.int64)
    if isinstance(given, str):
        return held_out(Path(given), first)
    if isinstance(given, bool) or not 0 < given < 1:
        raise UsageError(
            f"validation={given} is neither none, a share between 0 and 1, nor a file of ids; a "
            "number of images is n_validation"
        )
    return max(1, round(given * first))


def held_out(path: Path, first: int) -> Ids:
    """Ids of the published training images that a file holds out.

    Raises:
        UsageError: It names something else, or all of them.
    """
    if not path.is_file():
        raise UsageError(f"validation={path} is neither none, a share, nor a file that is there")
    values = read_listing(path).values
    if values.dtype == bool and values.shape == (first,):
        values = np.flatnonzero(values)
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
        shape = f"shape {values.shape} and type {values.dtype}"
        raise UsageError(f"{path} holds {shape}, not ids or {first} booleans of training images")
    ids, counts = np.unique(values, return_counts=True)
    if (counts > 1).any():
        raise UsageError(f"{path}: id {ids[counts > 1][0]} is named twice")
    outside = ids[(ids < 0) | (ids >= first)]
    if len(outside):
        raise UsageError(
            f"{path}: id {outside[0]} is not one of the training images 0 to {first - 1}"
        )
    if not 0 < len(ids) < first:
        raise UsageError(
            f"{path} names {len(ids)} of the {first} training images for validation; "
            "validation=none holds out none"
        )
    return ids


@dataclass(frozen=True)
class Published:
    """A data set as it was published.

    Attributes:
        x: (N, C, H, W) uint8 images of the training part, then of the test part.
        labels: (N,) labels that the draws of parts are balanced over.
        first: Images in the training part.
        class_names: Names of the classes of ``labels``.
        mean, std: Customary normalisation.
        shape: (C, H, W) that the images must have, or None.
        levels: Name of a labelling → (N,) labels, where there are several.
        level_names: Name of a labelling → names of its classes.
    """

    x: Tensor
    labels: NDArray[Any]
    first: int
    class_names: Sequence[str]
    mean: Sequence[float]
    std: Sequence[float]
    shape: tuple[int, int, int] | None = None
    levels: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    level_names: Mapping[str, Sequence[str]] = field(default_factory=dict)


class PublishedImages(ImageData):
    """Images that come with a test part of their own; validation is drawn from the training part.

    Args:
        source: What was published.
        n_train: How many training images to use (a random, class-balanced draw), or None for all
            that validation leaves.
        n_validation: Training images kept for validation, never trained on.
        split_seed: Seed of the draws.
        validation: In place of ``n_validation``: "none" (all published training images are
            trained on), a share of them, or a file of their ids (see `mu.data.listing`). Ids count
            images as published: training images in their order, then test images.
        n_test: How many test images to use (a random, class-balanced draw), or None for all.
        mean, std: Normalisation, one number or one for each channel; None for the customary one.
        labels: Which labelling to train on, where there are several.

    Raises:
        UsageError: Counts, normalisation or labelling do not fit.
    """

    def __init__(
        self,
        source: Published,
        n_train: int | None = None,
        n_validation: int = 5000,
        split_seed: int = 0,
        *,
        validation: str | float | None = None,
        n_test: int | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        labels: str | None = None,
    ) -> None:
        self.levels, self.level_names = source.levels, source.level_names
        held = validation_of(validation, n_validation, source.first)
        y = source.labels if labels is None else self.labelling(labels)
        names = source.class_names if labels is None else source.level_names[labels]
        super().__init__(
            source.x,
            torch.from_numpy(y),
            drawn_parts(source.labels, source.first, n_train, held, n_test, split_seed),
            class_names=names,
            shape=source.shape,
            mean=source.mean if mean is None else mean,
            std=source.std if std is None else std,
        )

    def part_of(self, sample: int) -> str:
        found = super().part_of(sample)
        if "validation" in found:
            found += ": data.validation=none, or a file of ids, says who is held out"
        return found

    def fingerprint(self) -> str:
        value = blake2b(super().fingerprint().encode(), digest_size=16)
        for name, labels in sorted(self.levels.items()):
            value.update(name.encode() + labels.tobytes())
        return value.hexdigest() if self.levels else super().fingerprint()
