"""What lies in a store's folder, without verifying or making anything."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LARGE = ("activations.npy", "activations_flipped.npy")  # written by a step, mapped into memory
# Files of an artifact.
FILES = ("facts.json", "arrays.npz", "tensors.safetensors", *LARGE, "manifest.json")
KEY = re.compile(r"[0-9a-f]{32}")
SCRATCH = "scratch"  # of steps that are not finished: a folder each, named by its key
LOCK = ".lock"
CLUSTER = "cluster"  # a folder for each run on a cluster: the logs of its workers
PAGES = "pages"  # the last page of every experiment
APART = ("tmp", "locks", "slurm", CLUSTER, SCRATCH, PAGES)  # folders that hold no artifacts


@dataclass(frozen=True)
class Entry:
    """An artifact as it lies on disk; nothing of it is verified.

    Attributes:
        step: Name of the step.
        key: Store key.
        size: Bytes of its files.
        written: Unix time at which it was written.
        manifest: What was recorded with it; empty where that cannot be read.
    """

    step: str
    key: str
    size: int
    written: float
    manifest: dict[str, Any] = field(default_factory=dict, compare=False)


def lock_of(folder: Path) -> Path:
    """The file that is locked as long as somebody works in a temporary folder."""
    return folder.with_name(f"{folder.name}{LOCK}")


def entries(root: Path) -> Iterator[Entry]:
    """Every artifact below a store's folder by step and key; nothing is made there."""
    folders = sorted(root.iterdir()) if root.is_dir() else []
    for folder in folders:
        if folder.name not in APART and folder.is_dir():
            yield from filter(None, map(_entry, sorted(folder.iterdir())))


def _entry(folder: Path) -> Entry | None:
    try:
        found = {path.name: path.stat() for path in folder.iterdir()}
        written = found.get("manifest.json", folder.stat()).st_mtime
    except (FileNotFoundError, NotADirectoryError):  # a file, or removed just now
        return None
    if not KEY.fullmatch(folder.name) and not found.keys() & set(FILES):
        return None
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        manifest = {}
    size = sum(stat.st_size for stat in found.values())
    known = manifest if isinstance(manifest, dict) else {}
    return Entry(folder.parent.name, folder.name, size, written, known)
