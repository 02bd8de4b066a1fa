"""What the launcher must know of data without importing torch."""

import glob
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mu.errors import UsageError


def data_root() -> Path:
    """``MU_DATA_ROOT``, or ``data`` in the working directory."""
    return Path(os.environ.get("MU_DATA_ROOT") or "data")


def data_files(patterns: Sequence[str]) -> list[list[Any]]:
    """Path, size and time of the files a data set reads: changed files are read anew.

    Args:
        patterns: Below the data root, as in ``faces/*/*.png``, or absolute.
    """
    root = data_root()
    full = (os.path.join(glob.escape(str(root)), pattern) for pattern in patterns)
    found = sorted({path for pattern in full for path in glob.glob(pattern, recursive=True)})
    stats = [(path, os.stat(path)) for path in found]
    return [[os.path.relpath(p, root), s.st_size, s.st_mtime_ns] for p, s in stats]


def named_files(data: Mapping[str, Any]) -> list[list[Any]]:
    """Option, size and time of the files that options of a data set name, such as a split."""
    named = ((key, value) for key, value in sorted(data.items()) if isinstance(value, str))
    stats = [(key, os.stat(value)) for key, value in named if os.path.isfile(value)]
    return [[key, s.st_size, s.st_mtime_ns] for key, s in stats]


def trained_elsewhere(data: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a data set for a model that the user trained: what it saw is not called unseen.

    Of a folder ``train`` no validation part is drawn unless the user says so.

    Example:
        >>> trained_elsewhere({"split": "folders", "validation": None})
        {'split': 'folders', 'validation': 'none'}
    """
    seen = data.get("split") == "folders" and data.get("validation") is None
    return {**data, "validation": "none"} if seen else dict(data)


def resolved(model: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Fill every ``???`` of a model configuration with the data set's fact of that name.

    Raises:
        UsageError: The data set does not know the name.

    Example:
        >>> resolved({"network": {"num_classes": "???"}}, {"num_classes": 10})
        {'network': {'num_classes': 10}}
    """

    def fill(node: Any, path: str) -> Any:
        if isinstance(node, dict):
            return {key: fill(value, f"{path}.{key}") for key, value in node.items()}
        if isinstance(node, list):
            return [fill(value, path) for value in node]
        if node == "???":
            name = path.rpartition(".")[2]
            if name not in facts:
                raise UsageError(
                    f"the model wants {name}, which the data set does not know; set {path}"
                )
            return facts[name]
        return node

    filled: dict[str, Any] = fill(json.loads(json.dumps(model)), "model")
    return filled


def without_pretrained(model: Any) -> Any:
    """A model configuration without weights that somebody else trained.

    Example:
        >>> without_pretrained({"network": {"name": "vit", "pretrained": True}})
        {'network': {'name': 'vit', 'pretrained': False}}
        >>> without_pretrained({"cut": "layer4", "weights": "resnet18.pth"})
        {'cut': 'layer4', 'weights': None}
    """
    if not isinstance(model, Mapping):
        return model
    none = {"pretrained": False} | ({"weights": None} if "cut" in model else {})
    return {k: none[k] if k in none else without_pretrained(v) for k, v in model.items()}


TAIL = "mu.models.tail.Tail"
TAIL_PREFIX = "tail."  # before the names of its parts


def cut_in(model: Any) -> dict[str, Any] | None:
    """The arguments of the network behind a frozen trunk in a model configuration, if it has one.

    Example:
        >>> cut_in({"network": {"_target_": TAIL, "trunk": {}, "cut": "layer4"}})
        {'trunk': {}, 'cut': 'layer4'}
    """
    if not isinstance(model, Mapping):
        return None
    if model.get("_target_") == TAIL:
        return {key: value for key, value in model.items() if key != "_target_"}
    return next(filter(None, map(cut_in, model.values())), None)


def uncut(model: Any) -> Any:
    """A model configuration in which whole networks, on images, stand in place of their tails.

    Example:
        >>> tail = {"_target_": TAIL, "trunk": {"_target_": "Net"}, "cut": "layer4"}
        >>> uncut({"backbone": tail, "head": "tail.fc"})
        {'backbone': {'_target_': 'Net'}, 'head': 'fc'}
    """
    if not isinstance(model, Mapping):
        return model
    if model.get("_target_") == TAIL:
        return dict(model["trunk"])
    found = {key: uncut(value) for key, value in model.items()}
    if not any(isinstance(v, Mapping) and v.get("_target_") == TAIL for v in model.values()):
        return found
    # beside a tail stand names of its parts, as the head of the network around it
    return {k: v.removeprefix(TAIL_PREFIX) if isinstance(v, str) else v for k, v in found.items()}


def check_augmentation(name: str | None) -> None:
    """Refuse an augmentation that changes images behind the back of a frozen trunk.

    Raises:
        UsageError: It is not flip.
    """
    if name not in (None, "flip"):
        raise UsageError(
            f"recipe.augment={name}: a frozen trunk sees each image once, and mirrored; with a cut "
            "it is flip or null"
        )
