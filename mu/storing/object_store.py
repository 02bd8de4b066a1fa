"""Archives that lie elsewhere: an object store, or whatever else fsspec has a protocol for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mu.errors import UsageError
from mu.storing.packing import BadArchive
from mu.storing.store import Store


def is_url(place: str) -> bool:
    """Whether an archive is named by a protocol, and not a file of this machine.

    Example:
        >>> is_url("s3://bucket/oracles.tar.gz"), is_url("oracles.tar.gz")
        (True, False)
    """
    return "://" in place


@contextmanager
def uploaded(store: Store, place: str) -> Iterator[Path]:
    """Where to write an archive; it is at its place at the end, whole or not at all.

    Raises:
        UsageError: The protocol is unknown, its package missing, or the place cannot be written.
    """
    if not is_url(place):
        yield Path(place)
        return
    system, path = _opened(place)
    with store.staging() as folder:
        local = folder / path.rpartition("/")[2]
        with _named(local, place):
            yield local
        with (
            _in_one_line(place, "cannot be written"),
            system.transaction,
            local.open("rb") as ours,
            system.open(path, "wb") as theirs,
        ):
            shutil.copyfileobj(ours, theirs, 1 << 20)


@contextmanager
def downloaded(store: Store, place: str) -> Iterator[Path]:
    """A file of this machine with the bytes of an archive.

    Raises:
        UsageError: The protocol is unknown, its package missing, there is nothing or it is larger
            than what is left of the disk.
    """
    if not is_url(place):
        yield Path(place)
        return
    system, path = _opened(place)
    with store.staging() as folder:
        local = folder / (path.rpartition("/")[2] or "archive")
        with _in_one_line(place, "cannot be read"):
            size, free = system.size(path), shutil.disk_usage(folder).free
            if size is not None and size > free:
                raise UsageError(f"{place} has {size} bytes; {store.root} has {free} bytes left")
            system.get_file(path, str(local))
        with _named(local, place):
            yield local


def _opened(place: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    from fsspec.core import url_to_fs

    try:
        found: tuple[Any, str] = url_to_fs(place)
    except ImportError as error:
        raise UsageError(f"{place}: a package is missing ({_line(error)})") from error
    except Exception as error:  # each protocol has its own
        raise UsageError(f"{place} cannot be opened ({_line(error)})") from error
    return found


@contextmanager
def _in_one_line(place: str, what: str) -> Iterator[None]:
    try:
        yield
    except UsageError:
        raise
    except Exception as error:  # each protocol has its own
        raise UsageError(f"{place} {what} ({_line(error)})") from error


@contextmanager
def _named(local: Path, place: str) -> Iterator[None]:
    """What is said of the file here is said of the place."""
    try:
        yield
    except (UsageError, BadArchive) as error:
        raise type(error)(str(error).replace(str(local), place)) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
