"""Images in folders, one a class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mu.data.base import Ids
from mu.data.decode import decoded, image_files
from mu.data.facts import data_root
from mu.data.image_data import ImageData
from mu.data.split import stratified
from mu.errors import UsageError

PARTS = {"train": ("train",), "validation": ("validation", "valid", "val"), "test": ("test",)}


class ImageFolder(ImageData):
    """Any images sorted into folders by class: ``folder/CLASS/*.png`` and the like.

    Classes are numbered in the order of their names; files of a class in that of theirs.

    Args:
        folder: Where they are, below the data root.
        image_size: Pixels of a side: images are scaled to cover the square and cut to its middle.
            None if all have the same size and shall keep it.
        grey: One channel instead of three.
        split: ``shares`` draws a share of each class for validation and test. ``folders`` reads
            ``folder/train/CLASS``, ``folder/val/CLASS`` and ``folder/test/CLASS``; without a folder
            for validation, a share of each class in ``train`` is drawn, and where there is ``val``
            but no ``test``, ``val`` is the test part.
        validation, test: Shares of each class; at least one image each.
        split_seed: Seed of the draw.
        mean, std: Normalisation, one number or one for each channel.
        memory_gb: Above this, in GiB, images are decoded into a file and read from there.

    Raises:
        UsageError: A folder, class or image is missing or is not what it should be.
    """

    def __init__(
        self,
        folder: str,
        image_size: int | None = 64,
        grey: bool = False,
        split: str = "shares",
        validation: float = 0.1,
        test: float = 0.2,
        split_seed: int = 0,
        mean: Sequence[float] = (0.5,),
        std: Sequence[float] = (0.25,),
        memory_gb: float = 4.0,
    ) -> None:
        root = data_root() / folder
        if not root.is_dir():
            raise UsageError(
                f"the folder {root} is not there: put the images there, one folder a class, "
                "or set data.folder or MU_DATA_ROOT to where they are"
            )
        if split not in ("shares", "folders"):
            raise UsageError(f"split={split} is not one of shares, folders")
        if split == "shares":
            names, files, labels = class_folders(root)
            shares = {"validation": validation, "test": test}
            parts = stratified(labels, shares, names, split_seed)
        else:
            names, files, labels, parts = by_part(root, validation, split_seed)
        super().__init__(
            decoded(files, image_size, grey, memory_gb, folder),
            torch.from_numpy(labels),
            parts,
            class_names=names,
            mean=mean,
            std=std,
        )


def class_folders(
    root: Path, names: list[str] | None = None
) -> tuple[list[str], list[Path], NDArray[np.int64]]:
    """Class names, files and labels of a folder of classes.

    Args:
        root: The folder.
        names: The classes there may be, or None for those there are.

    Raises:
        UsageError: There are no classes, one has no images, or one is not among ``names``.
    """
    found = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(found) < 2:
        raise UsageError(f"{root} has {len(found)} folders of images; two classes are the least")
    if names is None and set(found) <= {word for words in PARTS.values() for word in words}:
        raise UsageError(f"{root} has the folders {', '.join(found)}: set data.split=folders")
    for name in found:
        if names is not None and name not in names:
            raise UsageError(f"{root / name} is a class that the training part does not have")
    names = found if names is None else names
    files = {name: image_files(root / name) if name in found else [] for name in names}
    for name in found:
        if not files[name]:
            raise UsageError(f"class {name!r} has no images in {root / name}")
    labels = np.repeat(np.arange(len(names)), [len(files[name]) for name in names])
    return names, [path for name in names for path in files[name]], labels


def by_part(
    root: Path, validation: float, split_seed: int
) -> tuple[list[str], list[Path], NDArray[np.int64], dict[str, Ids]]:
    """Class names, files, labels and parts of a folder with a folder for each part.

    Raises:
        UsageError: ``train`` or ``test`` is missing, or a part is not a folder of classes.
    """
    folders = {
        part: next((root / word for word in words if (root / word).is_dir()), None)
        for part, words in PARTS.items()
    }
    if folders["test"] is None:
        folders["test"], folders["validation"] = folders["validation"], None
    for part in ("train", "test"):
        if folders[part] is None:
            raise UsageError(f"{root} has no folder {part} (split=folders)")
    names: list[str] | None = None
    files: list[Path] = []
    labels, parts = np.empty(0, np.int64), {}
    for part, folder in folders.items():
        if folder is None:
            continue
        names, more, own = class_folders(folder, names)
        parts[part] = np.arange(len(files), len(files) + len(more))
        files, labels = files + more, np.concatenate([labels, own])
    assert names is not None
    if "validation" not in parts:
        shares = {"validation": validation}
        parts |= stratified(labels[parts["train"]], shares, names, split_seed)
    return names, files, labels, parts
