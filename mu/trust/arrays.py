"""Archives of arrays (``.npz``) whose size is known before anything is unpacked."""

from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

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
    limit = path.stat().st_size if most is None else most
    try:
        with ZipFile(path) as packed:
            size = sum(member.file_size for member in packed.infolist())
        if size > limit:
            raise ValueError(f"it unfolds to {size} bytes; {limit} are the most")
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (BadZipFile, EOFError, MemoryError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"it is no archive of arrays: {error}") from error
