"""Memory that this process has freed is returned to the system."""

import ctypes
from functools import cache
from typing import Any


def return_free_memory() -> None:
    """Return what was freed; only glibc, which keeps blocks below 32 MB, has to be asked."""
    if trim := _trim():
        trim(0)


@cache
def _trim() -> Any:
    try:
        return getattr(ctypes.CDLL(None), "malloc_trim", None)
    except (OSError, TypeError):  # there is no such library on Windows
        return None
