"""Files and values of wrong shapes, which nobody checks key by key: one line, no traceback."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from mu.errors import MuError, UsageError

BROKEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
BEYOND = (RecursionError, MemoryError)


@contextmanager
def in_one_line(what: str, kind: type[UsageError] = UsageError) -> Iterator[None]:
    """Say in one line that a file or a value is not of the shape that is read.

    Args:
        what: The file or value, with its verb: ``"my.yaml holds what"``.
        kind: Of the error.

    Raises:
        UsageError: In place of the error of whoever met the value; with ``MU_DEBUG`` in the
            environment that error goes through.

    Example:
        >>> with in_one_line("my.yaml holds what"):
        ...     len(3)
        Traceback (most recent call last):
        mu.errors.UsageError: my.yaml holds what mu cannot read (TypeError: object of type 'int' \
has no len()); MU_DEBUG=1 shows where
    """
    try:
        yield
    except MuError:
        raise
    except (*BROKEN, *BEYOND) as error:
        if os.environ.get("MU_DEBUG"):
            raise
        why = " ".join(str(error).split())[:200]
        raise kind(
            f"{what} mu cannot read ({type(error).__name__}: {why}); MU_DEBUG=1 shows where"
        ) from error
