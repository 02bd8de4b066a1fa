"""Who is alive is told by a lock: process numbers mean nothing to other containers and machines."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def holding(path: Path, wait: bool = False) -> Iterator[bool]:
    """Hold the lock of a file; the operating system frees it when the process dies.

    Args:
        path: Of a file that is there only for this: made here, and gone afterwards.
        wait: For another process to let go of it.

    Yields:
        Whether it is held; without ``wait`` another process may hold it.

    Raises:
        OSError: The file cannot be made.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "lock"
        >>> with holding(path) as mine, holding(path) as again:
        ...     (mine, again)
        (True, False)
        >>> path.exists()
        False
    """
    descriptor = _taken(path, wait)
    if descriptor is None:
        yield False
        return
    try:
        yield True
    finally:
        with suppress(OSError):  # a file that nobody holds is in nobody's way
            path.unlink(missing_ok=True)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing would leave it to forked children
        finally:
            os.close(descriptor)


def _taken(path: Path, wait: bool) -> int | None:
    """Descriptor of the locked file; None where another process holds it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if _is_at(descriptor, path):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # who held it before has removed the file meanwhile


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False
