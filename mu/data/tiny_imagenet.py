"""Tiny-ImageNet in the folders it is distributed in."""

from pathlib import Path
from typing import Any

import numpy as np

from mu.data.decode import decoded, image_files
from mu.data.facts import data_root
from mu.data.image_data import Published, PublishedImages
from mu.errors import UsageError

LAYOUT = "train/CLASS/images, val/images, val/val_annotations.txt, words.txt"


class TinyImageNet(PublishedImages):
    """Tiny-ImageNet: 200 classes, 500 training and 50 test images each, 64×64.

    Test images are those of ``val``; the images of ``test`` have no labels and are not read.

    Args:
        folder: Where it is, below the data root.
        memory_gb: Above this, in GiB, images are decoded into a file and read from there; all of
            them take 1.3.
        n_validation, more: See `mu.data.image_data.PublishedImages`.

    Raises:
        UsageError: The folder is not there or holds something else, or an argument does not fit.
    """

    def __init__(
        self,
        folder: str = "tiny-imagenet-200",
        memory_gb: float = 4.0,
        n_validation: int = 10_000,
        **more: Any,
    ) -> None:
        root = data_root() / folder
        for needed in ("train", "val/images", "val/val_annotations.txt", "words.txt"):
            if not (root / needed).exists():
                raise UsageError(
                    f"Tiny-ImageNet is not in {root} ({needed} is missing): unpack "
                    f"tiny-imagenet-200.zip there ({LAYOUT}), or set MU_DATA_ROOT to where it is"
                )
        super().__init__(read(root, memory_gb), n_validation=n_validation, **more)


def read(root: Path, memory_gb: float) -> Published:
    """Images and labels, those of ``train`` first.

    Raises:
        UsageError: A class has no images, or a line of a list makes no sense.
    """
    classes = sorted(p.name for p in (root / "train").iterdir() if p.is_dir())
    words = dict(_lines(root / "words.txt", 2))
    files: list[Path] = []
    labels: list[int] = []
    for number, name in enumerate(classes):
        folder = root / "train" / name / "images"
        own = image_files(folder) if folder.is_dir() else []
        if not own:
            raise UsageError(f"class {name!r} has no images in {folder}")
        files += own
        labels += [number] * len(own)
    first = len(files)
    numbers = {name: number for number, name in enumerate(classes)}
    for file, name in _lines(root / "val" / "val_annotations.txt", 2):
        if name not in numbers:
            raise UsageError(f"{root / 'val/val_annotations.txt'}: {name!r} is no class of train")
        files.append(root / "val" / "images" / file)
        labels.append(numbers[name])
    x = decoded(files, 64, False, memory_gb, "Tiny-ImageNet")
    names = [words.get(name, name).split(",")[0] for name in classes]
    mean, std = (0.4802, 0.4481, 0.3975), (0.2770, 0.2691, 0.2821)
    return Published(x, np.array(labels, np.int64), first, names, mean, std, (3, 64, 64))


def _lines(path: Path, columns: int) -> list[list[str]]:
    """The first columns of a file of columns separated by tabs.

    Raises:
        UsageError: A line has fewer.
    """
    rows = [line.split("\t")[:columns] for line in path.read_text(encoding="utf-8").splitlines()]
    for number, row in enumerate(rows, start=1):
        if len(row) < columns:
            raise UsageError(f"{path}, line {number}: {columns} columns expected, not {len(row)}")
    return rows
