"""Images in folders, one a class."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mu.data.base import Ids
from mu.data.decode import decoded, image_files
from mu.data.facts import data_root
from mu.data.groups import columns_of, ids_in_column
from mu.data.image_data import ImageData
from mu.data.listing import read_columns
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
            but no ``test``, ``val`` is the test part. Anything else is a .csv file with the columns
            file and part (``train``, ``validation``, ``test``, or ``none``), a row an image.
        validation: Share of each class that is drawn, at least one image; ``none`` draws none, and
            None is a tenth.
        test: Share of each class; at least one image.
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
        validation: float | str | None = None,
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
        if split == "folders":
            names, files, labels, parts = by_part(root, validation_share(validation), split_seed)
        else:
            names, files, labels = class_folders(root)
            if split == "shares":
                shares = validation_share(validation) | {"test": test}
                parts = stratified(labels, shares, names, split_seed)
            else:
                parts = listed_parts(Path(split), [name_below(root, file) for file in files], root)
        parts.setdefault("validation", np.empty(0, np.int64))
        super().__init__(
            decoded(files, image_size, grey, memory_gb, folder),
            torch.from_numpy(labels),
            parts,
            class_names=names,
            mean=mean,
            std=std,
        )
        self.file_names, self.file_root = [name_below(root, file) for file in files], root


def name_below(root: Path, file: Path) -> str:
    """Name of a file in a folder, such as ``cat/1.png``."""
    return file.relative_to(root).as_posix()


def validation_share(given: float | str | None) -> dict[str, float]:
    """The share of each class that is drawn for validation; nothing for ``none``, a tenth for None.

    Raises:
        UsageError: It is no share.
    """
    if isinstance(given, str) and given.lower() == "none":
        return {}
    if isinstance(given, str | bool):
        raise UsageError(f"validation={given} is neither a share of each class nor none")
    return {"validation": 0.1 if given is None else given}


def listed_parts(path: Path, names: Sequence[str], root: Path) -> dict[str, Ids]:
    """Parts as a file lists them; the validation part may be empty.

    Args:
        path: A .csv with the columns file and part.
        names: Name of each image below the folder.
        root: The folder.

    Raises:
        UsageError: There is no such file, it leaves an image out, or a part is none.
    """
    if not path.is_file():
        raise UsageError(
            f"split={path} is not one of shares, folders, nor a .csv file that is there, with the "
            "columns file and part"
        )
    found = read_columns(path)
    if found.header is None:
        raise UsageError(f"{path} needs a first row that names its columns: file,part")
    key, part = columns_of(found, path, ("part", "split", "subset"))
    ids = ids_in_column(found, key, path, len(names), names, root)
    missing = np.setdiff1d(np.arange(len(names)), ids)
    if len(missing):
        raise UsageError(
            f"{path} does not say of which part {names[missing[0]]!r} is ({len(missing)} such): "
            "train, validation, test, or none to leave it out"
        )
    words = {word: name for name, said in PARTS.items() for word in said} | {"none": "none"}
    parts: dict[str, list[int]] = {"train": [], "validation": [], "test": [], "none": []}
    for line, number, row in zip(found.lines, ids, found.rows, strict=True):
        if row[part].lower() not in words:
            raise UsageError(
                f"{path}, line {line}: {row[part]!r} is not one of train, validation, test, none"
            )
        parts[words[row[part].lower()]].append(number)
    for name in ("train", "test"):
        if not parts[name]:
            raise UsageError(f"{path} names no image of the {name} part")
    return {name: np.array(parts[name], np.int64) for name in PARTS}


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
    root: Path, validation: Mapping[str, float], split_seed: int
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
    if "validation" not in parts and validation:
        parts |= stratified(labels[parts["train"]], validation, names, split_seed)
    return names, files, labels, parts
