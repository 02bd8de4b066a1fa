"""What a caller in Python hands over as it is, where a configuration can only name things."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mu.data.build import forget_built
from mu.errors import UsageError

HANDED: dict[str, Any] = {}


@contextmanager
def at_hand(things: Mapping[str, Any]) -> Iterator[None]:
    """Let configurations name things by their digests inside.

    Args:
        things: Digest of the content → a data set, or a training.
    """
    forget_built()
    HANDED.update(things)
    try:
        yield
    finally:
        for digest in things:
            HANDED.pop(digest, None)
        forget_built()


def handed(digest: str) -> Any:
    """What was handed over; the ``_target_`` of configurations that name it.

    Raises:
        UsageError: It is not in this process.
    """
    if digest not in HANDED:
        raise UsageError(
            f"{digest} was an object of a Python session, which this process does not have; "
            "call mu.study again"
        )
    return HANDED[digest]
