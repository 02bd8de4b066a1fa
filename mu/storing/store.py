"""Content-addressed folder of finished steps: atomic, locked, verified on read, no pickle."""

import json
import os
import platform
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from mu.artifact import Artifact, digest_of_file
from mu.errors import CellFailed, UsageError
from mu.storing.holding import holding
from mu.storing.inventory import LARGE, LOCK, SCRATCH, Entry, entries, lock_of
from mu.trust.arrays import read_arrays

SCHEMA = 1
MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
HOST = platform.node()  # a store may be shared by machines


class CorruptArtifact(CellFailed):
    """An artifact on disk does not match the digests written with it, or lacks what is due."""


class UnreadableArtifact(CellFailed):
    """An artifact may be whole, and the system cannot read it just now: nothing takes its place."""


class Facts(dict[str, Any]):
    """Facts of an artifact; asking for one that it lacks is no bug of the code that asks."""

    def __missing__(self, name: str) -> Any:
        raise CorruptArtifact(f"an artifact of the store has no {name}: was it made by mu?")


def default_root() -> Path:
    """``MU_STORE``, or ``.mu`` in the working directory."""
    return Path(os.environ.get("MU_STORE") or ".mu").absolute()


def _facts(folder: Path) -> Facts:
    found = json.loads((folder / "facts.json").read_text())
    if not isinstance(found, dict):
        raise ValueError("facts.json holds no facts")
    return Facts(found)


@contextmanager
def _readable(step: str, key: str) -> Iterator[None]:
    """Whatever keeps an artifact from being read, as one of the two errors that there are for it.

    A damaged artifact is removed by those that find it; a disk that does not answer, folders that
    may not be entered and memory that does not suffice show no damage.
    """
    name = f"{step}/{key[:12]}"
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and not isinstance(error, MISSING):
            reason = error.strerror or error
            raise UnreadableArtifact(f"{name} cannot be read ({reason})") from error
        if isinstance(error, MemoryError):
            raise UnreadableArtifact(f"{name} cannot be read (not enough memory)") from error
        raise CorruptArtifact(f"{name} is not readable: {error}") from error


def _is_folder(path: Path) -> bool:
    """As `Path.is_dir`, which takes a folder that may not be looked at for none."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except MISSING:
        return False


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Store:
    """``root/<step>/<key>/`` holds facts.json, arrays.npz, tensors.safetensors and manifest.json.

    Large files of a step (`mu.storing.inventory.LARGE`) lie beside them.

    A folder that is there and cannot be written is a store all the same: it is read, and what
    would change it is refused.

    Args:
        root: Folder of the store; made when missing.

    Raises:
        UsageError: The folder is not there and cannot be made.

    Attributes:
        unwritable: Why nothing can be written; empty where everything can.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()
        self.unwritable = ""
        try:
            for name in ("tmp", "locks"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            probe = lock_of(self._temporary())  # one that stays here is removed as abandoned
            probe.touch()
            probe.unlink(missing_ok=True)
        except OSError as error:
            self.unwritable = str(error.strerror)
            if not self.root.is_dir():
                self.check_writable()
            return
        self._remove_abandoned()

    def check_writable(self, wanted: str = "") -> None:
        """Refuse what would change a store that can only be read.

        Args:
            wanted: What for, in the words of the message.

        Raises:
            UsageError: Nothing can be written.
        """
        if self.unwritable:
            raise UsageError(
                f"store {self.root} cannot be written ({self.unwritable}){wanted}; "
                "set MU_STORE to a folder you may write"
            )

    def path(self, step: str, key: str) -> Path:
        """Folder of one artifact, present or not."""
        return self.root / step / key

    def scratch(self, key: str) -> Path:
        """Where a step may keep what it needs to go on after it was killed, or large files.

        On the store's disk, the step's own while it holds the lock of its key, and gone once it is
        done. Who writes there makes the folder.
        """
        return self.root / SCRATCH / key

    def has(self, step: str, key: str) -> bool:
        """Whether the artifact is there and whole.

        Raises:
            CorruptArtifact: It is there and a file is missing or differs from its digest.
            UnreadableArtifact: The system cannot read it.
        """
        folder = self.path(step, key)
        with _readable(step, key):
            if not _is_folder(folder):
                return False
            manifest = json.loads((folder / "manifest.json").read_text())
            damaged = [n for n, d in manifest["files"].items() if digest_of_file(folder / n) != d]
        if damaged:
            raise CorruptArtifact(f"{step}/{key[:12]}: {', '.join(damaged)} changed on disk")
        return True

    def facts(self, step: str, key: str) -> dict[str, Any]:
        """The JSON part alone; needs no torch.

        Raises:
            CorruptArtifact: It is damaged, or lacks a fact once that is asked for.
            UnreadableArtifact: The system cannot read it.
        """
        with _readable(step, key):
            return _facts(self.path(step, key))

    def load(self, step: str, key: str) -> Artifact:
        """Read an artifact, every file checked against its digest.

        Raises:
            CorruptArtifact: See `has`; also when the artifact is not there, or a file is not what
                its name says.
        """
        if not self.has(step, key):
            raise CorruptArtifact(f"{step}/{key[:12]} is not in the store")
        with _readable(step, key):
            return self._read(self.path(step, key))

    def _read(self, folder: Path) -> Artifact:
        arrays, tensors = {}, {}
        if (folder / "arrays.npz").exists():
            arrays = read_arrays(folder / "arrays.npz")
        if (folder / "tensors.safetensors").exists():
            from safetensors.torch import load_file

            tensors = load_file(folder / "tensors.safetensors")
        files = {name: folder / name for name in LARGE if (folder / name).exists()}
        return Artifact(_facts(folder), arrays, tensors, files)

    def write(self, step: str, key: str, artifact: Artifact, **record: object) -> None:
        """Put an artifact in place: temporary folder, fsync, rename; ``record`` is noted beside.

        Raises:
            TypeError: An array holds objects, which only a pickle could store.
        """
        with self.staging() as folder:
            self._fill(folder, artifact, {"step": step, "key": key, **record})
            if self.path(step, key).exists():
                self.discard(step, key)
            self._place(step, key, folder)

    def _place(self, step: str, key: str, folder: Path) -> None:
        target = self.path(step, key)
        target.parent.mkdir(exist_ok=True)
        folder.rename(target)
        _sync(target.parent)

    def _fill(self, folder: Path, artifact: Artifact, record: dict[str, object]) -> None:
        objects = [name for name, array in artifact.arrays.items() if array.dtype.hasobject]
        if objects:
            raise TypeError(f"array {objects[0]} holds objects")
        (folder / "facts.json").write_text(json.dumps(artifact.facts, sort_keys=True, indent=1))
        if artifact.arrays:
            np.savez(folder / "arrays.npz", **artifact.arrays)  # type: ignore[arg-type]
        if artifact.tensors:
            from safetensors.torch import save_file

            # Copies: tied tensors share memory, which the format refuses.
            copies = {
                name: tensor.detach().to("cpu", copy=True).contiguous()
                for name, tensor in artifact.tensors.items()
            }
            save_file(copies, folder / "tensors.safetensors")
        for name, path in artifact.files.items():
            shutil.move(path, folder / name)
        files = {path.name: digest_of_file(path) for path in sorted(folder.iterdir())}
        manifest = {"schema": SCHEMA, "files": files, **record}
        (folder / "manifest.json").write_text(json.dumps(manifest, sort_keys=True, indent=1))
        for path in folder.iterdir():
            _sync(path)

    def manifest(self, step: str, key: str) -> dict[str, Any]:
        """Versions, device and digests recorded with an artifact."""
        manifest: dict[str, Any] = json.loads((self.path(step, key) / "manifest.json").read_text())
        return manifest

    def seconds(self, step: str) -> dict[str, list[float]]:
        """Family → seconds that the finished jobs of a step took."""
        found: dict[str, list[float]] = {}
        for path in (self.root / step).glob("*/manifest.json"):
            try:
                manifest = json.loads(path.read_text())
                found.setdefault(manifest["family"], []).append(manifest["seconds"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return found

    def discard(self, step: str, key: str) -> None:
        """Remove an artifact in one rename, so that no reader sees half of it."""
        self.check_writable()
        aside = self._temporary()
        self.path(step, key).rename(aside)
        shutil.rmtree(aside, ignore_errors=True)

    def entries(self) -> Iterator[Entry]:
        """Every artifact by step and key; see `entries`."""
        return entries(self.root)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A folder to prepare artifacts in, on the store's disk; gone afterwards."""
        self.check_writable()
        folder = self._temporary()
        with holding(lock_of(folder), wait=True):
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def adopt(self, step: str, key: str, folder: Path) -> bool:
        """Move a folder of verified files into place; False where a whole artifact stands."""
        with self.lock(key):
            if self.settled(step, key):
                return False
            for path in folder.iterdir():
                _sync(path)
            self._place(step, key, folder)
            return True

    def settled(self, step: str, key: str) -> bool:
        """Whether a whole artifact stands; a damaged one is removed. Under the key's lock."""
        try:
            return self.has(step, key)
        except CorruptArtifact:
            self.discard(step, key)
            return False

    @contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Hold the file lock of one key; the operating system frees it when a process dies."""
        from filelock import FileLock

        self.check_writable()
        with FileLock(self.root / "locks" / f"{key[:2]}-{key}.lock"):
            yield

    def _temporary(self) -> Path:
        return self.root / "tmp" / f"{HOST}@{uuid.uuid4().hex}"

    def _remove_abandoned(self) -> None:
        """Delete temporary folders of this machine that nobody holds (a run was killed).

        What other machines made stays: a lock need not reach them.
        """
        for path in (self.root / "tmp").iterdir():
            folder = path.with_name(path.name.removesuffix(LOCK))
            if folder.name.rpartition("@")[0] == HOST:
                with suppress(OSError), holding(lock_of(folder)) as abandoned:
                    if abandoned:
                        shutil.rmtree(folder, ignore_errors=True)
