"""Archives of arrays (``.npz``) whose size is known before anything is unpacked."""

from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile
from zlib import error as ZlibError

import numpy as np
from numpy.typing import NDArray

BROKEN = (BadZipFile, EOFError, MemoryError, NotImplementedError, RuntimeError, ZlibError)
MOST = 4 << 30  # bytes of all arrays of a data set; the largest that mu names has 0.3 GB


def read_arrays(path: Path, most: int | None = None) -> dict[str, NDArray[Any]]:
    """Every array of an ``.npz``; never a pickle.

    Args:
        path: The file.
        most: Bytes that it may unfold to; None: no more than it is long, as nothing in it is
            compressed.

    Raises:
        ValueError: It is no such archive, unfolds to more, or holds objects.
        OSError: It cannot be read.
    """
    check_arrays(path, most)
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except BROKEN as error:
        raise ValueError(f"it is no archive of arrays: {error}") from error


def check_arrays(path: Path, most: int | None = None) -> None:
    """Refuse an ``.npz`` that unfolds to too much, by what its directory says; see `read_arrays`.

    Raises:
        ValueError: It does, or has no directory.
        OSError: It cannot be read.
    """
    limit = path.stat().st_size if most is None else most
    try:
        with ZipFile(path) as packed:
            size = sum(member.file_size for member in packed.infolist())
    except BROKEN as error:
        raise ValueError(f"it is no archive of arrays: {error}") from error
    if size > limit:
        raise ValueError(f"it unfolds to {size} bytes; {limit} are the most")
