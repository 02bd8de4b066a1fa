"""Pickled data: read only where its digest is known, or where it builds nothing but arrays."""

import pickle
from hashlib import sha256
from pathlib import Path
from typing import Any

from mu.errors import UsageError

# What scipy matrices, arrays and dictionaries of lists are built of, as Python 2 and 3 name it.
ARRAYS = {
    *(("numpy", "ndarray"), ("numpy", "dtype")),
    *(("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct")),
    *(("scipy.sparse.csr", "csr_matrix"), ("scipy.sparse._csr", "csr_matrix")),
    *(("collections", "defaultdict"), ("__builtin__", "list"), ("builtins", "list")),
    *(("copy_reg", "_reconstructor"), ("copyreg", "_reconstructor")),
    *(("__builtin__", "object"), ("builtins", "object")),
}


class _Arrays(pickle.Unpickler):
    """Builds arrays, and refuses every other name before it is imported."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ARRAYS:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return super().find_class(module, name)


def check_pickle(path: Path, digest: str | None, remedy: str) -> None:
    """Refuse a pickled file that is not the published one; nothing in it is run.

    Args:
        path: The file.
        digest: Its SHA-256; None where that is not known: then it may hold arrays only.
        remedy: What the reader of the message can do.

    Raises:
        UsageError: It is another file, or holds anything but arrays.
    """
    if digest is not None:
        if sha256(path.read_bytes()).hexdigest() != digest:
            raise UsageError(
                f"{path} is not the published file (its digest differs), and a pickle can run "
                f"code: it was not read. {remedy}"
            )
        return
    try:
        with path.open("rb") as handle:
            _Arrays(handle, encoding="latin1").load()
    except Exception as error:
        raise UsageError(f"{path} is no pickle of arrays: {error}. {remedy}") from error
