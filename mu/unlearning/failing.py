"""What a method refuses once it has seen the model and the data fails its row, and no other."""

from collections.abc import Iterator
from contextlib import contextmanager

from mu.errors import StepFailed, UsageError


@contextmanager
def failing_the_row() -> Iterator[None]:
    """Turn a usage error into the failure of one cell.

    Options are checked when a method is built, and a wrong one ends a run at once. What is refused
    later depends on the pair: a model that diverged has no finite importances, and the other pairs
    may be well.

    Example:
        >>> with failing_the_row():
        ...     raise UsageError("no finite gradient")
        Traceback (most recent call last):
        mu.errors.StepFailed: no finite gradient
    """
    try:
        yield
    except UsageError as error:
        raise StepFailed(str(error)) from error
