"""Files that appear whole or not at all."""

import os
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write a text file beside its place, then move it there; a reader never sees half of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    partial.unlink(missing_ok=True)
    try:
        with partial.open("x", encoding="utf-8", newline="\n") as file:  # through no link
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        error.filename = str(path)  # a full disk names no file
        raise
    finally:
        partial.unlink(missing_ok=True)
