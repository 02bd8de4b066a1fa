"""Artifacts of a store as one tar file, for another machine.

The first member, ``manifest.json``, names every artifact with the size and digest of its files;
the files follow as ``step/key/name`` in that order. `mu.storing.unpacking` reads it.
"""

import gzip
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from mu.errors import MuError, UsageError
from mu.storing.inventory import FILES, Entry
from mu.storing.store import CorruptArtifact, Store
from mu.storing.whole_files import whole_file

SCHEMA = 1
KIND = "mu store"
SUFFIXES = (".tar", ".tar.gz", ".tgz")

Progress = Callable[[float], None]


class BadArchive(MuError):
    """A file is not an archive of a store, or was cut short or changed."""


@dataclass(frozen=True)
class Item:
    """One artifact that an archive announces: its files as name → (size, digest)."""

    step: str
    key: str
    files: dict[str, tuple[int, str]]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for size, _ in self.files.values())


def write_archive(store: Store, chosen: Sequence[Entry], path: Path, progress: Progress) -> int:
    """Write artifacts to one file, whole or not at all; the same artifacts give the same bytes.

    Args:
        store: Where they are.
        chosen: Which ones.
        path: A ``.tar``, or a compressed ``.tar.gz``.
        progress: Told the bytes written.

    Returns:
        Bytes of the file.

    Raises:
        UsageError: The file's name has another ending, or it cannot be written.
        CorruptArtifact: An artifact differs from its digests; no file is left.
    """
    if not path.name.endswith(SUFFIXES):
        raise UsageError(f"{path} must end in one of {', '.join(SUFFIXES)}")
    items = [_announce(store, entry) for entry in chosen]
    noted = [
        {"step": item.step, "key": item.key, "files": item.files, **_origin(entry)}
        for item, entry in zip(items, chosen, strict=True)
    ]
    head = json.dumps({"schema": SCHEMA, "kind": KIND, "artifacts": noted}, sort_keys=True)
    packed = path.suffix != ".tar"
    try:
        with whole_file(path) as partial, _writer(partial, compressed=packed) as tar:
            tar.addfile(_plain("manifest.json", len(head.encode())), io.BytesIO(head.encode()))
            for item in items:
                for name, (size, digest) in item.files.items():
                    _add(tar, store.path(item.step, item.key) / name, item, size, digest)
                    progress(size)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror or error})") from error
    return path.stat().st_size


def _announce(store: Store, entry: Entry) -> Item:
    folder = store.path(entry.step, entry.key)
    try:
        whole = (folder / "manifest.json").read_bytes()
        digests = json.loads(whole)["files"] | {
            "manifest.json": blake2b(whole, digest_size=16).hexdigest()
        }
        names = sorted(name for name in FILES if name in digests)
        files = {n: ((folder / n).stat().st_size, digests[n]) for n in names}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptArtifact(f"{entry.step}/{entry.key[:12]} is not readable") from error
    return Item(entry.step, entry.key, files)


def _origin(entry: Entry) -> dict[str, Any]:
    return {name: entry.manifest.get(name) for name in ("versions", "device", "seconds")}


@contextmanager
def _writer(path: Path, compressed: bool) -> Iterator[tarfile.TarFile]:
    # No time and no name in the gzip header: equal content gives equal bytes.
    with path.open("wb") as raw:
        packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if compressed else nullcontext(raw)
        with packed as out, tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            yield tar
        raw.flush()
        os.fsync(raw.fileno())


def _plain(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info


class _Hashing:
    """A file that digests what is read of it."""

    def __init__(self, handle: BinaryIO) -> None:
        self.handle, self.value = handle, blake2b(digest_size=16)

    def read(self, size: int = -1) -> bytes:
        data = self.handle.read(size)
        self.value.update(data)
        return data


def _add(tar: tarfile.TarFile, path: Path, item: Item, size: int, digest: str) -> None:
    try:
        with path.open("rb") as handle:
            hashing = _Hashing(handle)
            name = f"{item.step}/{item.key}/{path.name}"
            tar.addfile(_plain(name, size), hashing)
            changed = hashing.value.hexdigest() != digest or handle.read(1)
    except FileNotFoundError as error:
        raise CorruptArtifact(f"{item.step}/{item.key[:12]} lacks {path.name}") from error
    if changed:
        raise CorruptArtifact(f"{item.step}/{item.key[:12]}: {path.name} changed on disk")
