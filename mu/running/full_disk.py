"""A full disk ends a grid: what is there is shown, and no further step begins."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from mu.errors import StepFailed

FULL = "the disk is full"  # how the reason of a step begins
NUMBERS = (errno.ENOSPC, errno.EDQUOT)
WORDS = ("No space left on device", "Disk quota exceeded")  # of libraries that raise their own


class DiskFull(StepFailed):
    """A step found no room for what it made."""


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it came of, says that a disk is full.

    Example:
        >>> is_full(OSError(errno.ENOSPC, "")), is_full(OSError(errno.ENOENT, ""))
        (True, False)
    """
    seen: set[int] = set()  # causes and contexts may lead around in a circle
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if getattr(error, "errno", None) in NUMBERS or any(word in str(error) for word in WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False


class Room:
    """Remembers that a step found the disk full."""

    def __init__(self) -> None:
        self.gone = ""

    @contextmanager
    def left(self) -> Iterator[None]:
        """Around a step.

        Raises:
            DiskFull: The step, or one before it, found none.
        """
        if self.gone:
            raise DiskFull(self.gone)
        try:
            yield
        except DiskFull as error:
            self.gone = str(error)
            raise
