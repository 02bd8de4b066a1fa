"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mu.storing.holding import holding
from mu.storing.inventory import LOCK


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write a file, beside its place; it is moved there at the end, or gone.

    A reader never sees half of it, and of two that write it one waits for the other.
    """
    partial = path.with_name(f".{path.name}.tmp")
    with holding(path.with_name(f".{path.name}{LOCK}"), wait=True):
        partial.unlink(missing_ok=True)  # a process was killed while it wrote there
        try:
            yield partial
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Raises:
        OSError: It cannot be written; the error names the file, also where the disk is full.
    """
    try:
        with (
            whole_file(path) as partial,
            partial.open("x", encoding="utf-8", newline="\n") as file,  # through no link
        ):
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        error.filename = str(path)
        raise
