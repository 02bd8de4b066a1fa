"""Archives read with distrust: the store takes in a whole and right archive, or nothing.

An archive is read header by header. Nothing in it but plain files of known names, in the announced
order and sizes, is ever written to disk, and what an artifact names is looked at before it enters
(`mu.trust.classes`). What nothing here can tell is whether the numbers are true: import from people
whose numbers you would believe.
"""

import gzip
import json
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mu.errors import UsageError
from mu.storing.inventory import APART, FILES, KEY, LARGE
from mu.storing.packing import KIND, SCHEMA, BadArchive, Item, Progress
from mu.storing.shapes import check_facts, check_record
from mu.storing.store import Store
from mu.trust.arrays import check_arrays

STEP = re.compile(r"[a-z][a-z_]*")
BLOCK = 512
CHUNK = 1 << 20
LOOSE, PACKED = 64 << 20, 100  # bytes that an archive may unfold to, and times its own size
LARGEST_JSON = 64 << 20  # bytes of a manifest; what is longer is not read into memory


@dataclass(frozen=True)
class Imported:
    """How many artifacts entered, how many were there before, and how many of those differ."""

    entered: int
    present: int
    different: int


def read_archive(store: Store, path: Path, progress: Progress) -> Imported:
    """Take the artifacts of an archive into a store; those that are there already stay.

    Everything is unpacked beside the store's artifacts and verified first: an archive that is
    refused leaves the store as it was.

    Args:
        store: Where they go.
        path: The archive.
        progress: Told the bytes unpacked since the last call.

    Raises:
        UsageError: There is no such file, or no room for what it holds.
        BadArchive: It was cut short or changed, or holds anything but artifacts.
    """
    with _reader(path) as stream, store.staging() as folder:
        head = _header(stream)
        if head is None or head.name != "manifest.json" or head.size > LARGEST_JSON:
            raise BadArchive(f"{path} is not an archive of a store")
        items = _contents(_exactly(stream, head.size))
        _skip(stream, head.size)
        total = sum(item.size for item in items)
        free = shutil.disk_usage(store.root).free
        if total > free:
            raise UsageError(f"{path} holds {total} bytes; {store.root} has {free} bytes left")
        if total > (most := LOOSE + PACKED * path.stat().st_size):
            raise BadArchive(f"unfolds to {total} bytes; {most} are the most for its size")
        for item in items:
            _unpack(stream, item, folder, progress)
        _finish(stream)
        entered, different = 0, 0
        for item in items:
            if store.adopt(item.step, item.key, folder / item.step / item.key):
                entered += 1
            else:
                different += _differs(store, item)
    return Imported(entered, len(items) - entered, different)


@contextmanager
def _reader(path: Path) -> Iterator[BinaryIO]:
    """The bytes of the tar inside; every way in which they can be bad is a `BadArchive`."""
    try:
        raw = path.open("rb")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    with raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            stream: Any = gzip.GzipFile(fileobj=raw) if packed else raw
            yield stream
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadArchive(f"{path} was cut short or changed; nothing was imported") from error
        except BadArchive as error:
            raise BadArchive(f"{path}: {error}; nothing was imported") from error


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise EOFError
    return data


def _skip(stream: BinaryIO, size: int) -> None:
    """Read what fills the last block of a file."""
    _exactly(stream, -size % BLOCK)


def _header(stream: BinaryIO) -> tarfile.TarInfo | None:
    """The next member, which must be a plain file; None at the end.

    Read by hand because `tarfile` follows extension headers of any size into memory.
    """
    block = _exactly(stream, BLOCK)
    if block == bytes(BLOCK):
        return None
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        raise BadArchive("damaged") from error
    if info.size < 0:
        raise BadArchive("damaged")
    if info.type != tarfile.REGTYPE:
        raise BadArchive(f"{info.name!r} is not a plain file")
    return info


def _contents(text: bytes) -> list[Item]:
    """What a manifest announces, every name and number checked."""
    try:
        found = json.loads(text)
        if found["kind"] != KIND or found["schema"] != SCHEMA:
            raise BadArchive(f"this version reads archives of schema {SCHEMA}")
        items = [_item(artifact) for artifact in found["artifacts"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadArchive("its manifest is damaged") from error
    if len({(item.step, item.key) for item in items}) != len(items):
        raise BadArchive("its manifest names an artifact twice")
    return items


def _item(artifact: dict[str, Any]) -> Item:
    step, key = artifact["step"], artifact["key"]
    files = {name: (size, digest) for name, (size, digest) in artifact["files"].items()}
    if not STEP.fullmatch(step) or step in APART:
        raise BadArchive(f"{step!r} is not a step")
    if not KEY.fullmatch(key):
        raise BadArchive(f"{key!r} is not a key")
    if files.keys() - set(FILES) or not {"facts.json", "manifest.json"} <= files.keys():
        raise BadArchive(f"{step}/{key[:12]} does not hold the files of an artifact")
    for name, (size, digest) in files.items():
        limit = LARGEST_JSON if name.endswith(".json") else 1 << 62
        if type(size) is not int or not 0 <= size <= limit or not KEY.fullmatch(digest):
            raise BadArchive(f"{step}/{key[:12]}/{name}: no size or digest")
    return Item(step, key, files)


def _unpack(stream: BinaryIO, item: Item, folder: Path, progress: Progress) -> None:
    """Write the files of one artifact below ``folder``, verified against both manifests."""
    place = folder / item.step / item.key
    place.mkdir(parents=True)
    for name, (size, digest) in item.files.items():
        wanted, head = f"{item.step}/{item.key}/{name}", _header(stream)
        if head is None or head.name != wanted or head.size != size:
            raise BadArchive(f"{head.name if head else 'the end'!r} stands where {wanted} should")
        value, left = blake2b(digest_size=16), size
        with (place / name).open("xb") as handle:
            while left:
                chunk = _exactly(stream, min(left, CHUNK))
                value.update(chunk)
                handle.write(chunk)
                left -= len(chunk)
                progress(len(chunk))
        _skip(stream, size)
        if value.hexdigest() != digest:
            raise BadArchive(f"{wanted} differs from its digest")
    try:
        own = json.loads((place / "manifest.json").read_text())
        agrees = (own["step"], own["key"]) == (item.step, item.key) and own["files"] == {
            name: digest for name, (_, digest) in item.files.items() if name != "manifest.json"
        }
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadArchive(f"{item.step}/{item.key[:12]} has no manifest") from error
    if not agrees:
        raise BadArchive(f"{item.step}/{item.key[:12]} does not agree with its manifest")
    _check_content(place, f"{item.step}/{item.key[:12]}", own)


def _check_content(place: Path, source: str, own: dict[str, Any]) -> None:
    """Refuse an artifact whose files are right and hold what no step of mu leaves."""
    try:
        check_record(own, source)
        check_facts(json.loads((place / "facts.json").read_text()), source)
        if (place / "arrays.npz").exists():
            check_arrays(place / "arrays.npz")
        for name in LARGE:
            if (place / name).exists():
                np.load(place / name, mmap_mode="r")  # never a pickle; no more than it is long
    except UsageError as error:
        raise BadArchive(str(error)) from error
    except (OSError, ValueError, RecursionError) as error:
        raise BadArchive(f"{source} is no artifact of mu: {error}") from error


def _finish(stream: BinaryIO) -> None:
    """The end as tar pads it: one empty block was due, and nothing but zeros follows."""
    if _header(stream) is not None:
        raise BadArchive("more files than announced")
    rest = stream.read(tarfile.RECORDSIZE + 1)
    if len(rest) > tarfile.RECORDSIZE or any(rest):
        raise BadArchive("something follows its end")


def _differs(store: Store, item: Item) -> bool:
    """Whether the artifact in the store holds other numbers; times may always differ."""
    own = store.manifest(item.step, item.key)["files"]
    names = {n for n in (*own, *item.files) if not n.endswith(".json")}
    return any(own.get(n) != item.files.get(n, (0, None))[1] for n in names)
