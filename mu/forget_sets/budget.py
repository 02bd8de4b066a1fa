"""How many elements a request asks for: a count, or a share of what is kept."""

from mu.errors import UsageError


def budget(share: float | None, count: int | None, available: int) -> int:
    """Number of elements.

    Raises:
        UsageError: Neither or both given, a share outside (0, 1), a count outside [1, available),
            or no number.

    Example:
        >>> budget(0.2, None, 50)
        10
    """
    if (share is None) == (count is None):
        raise UsageError("a request takes either a share or a count")
    if share is not None and (type(share) not in (int, float) or not 0 < share < 1):
        raise UsageError(f"share={share!r} is not between 0 and 1")
    if count is not None and type(count) is not int:
        raise UsageError(f"count={count!r} is not a whole number")
    wanted = count if count is not None else max(1, round((share or 0) * available))
    if not 1 <= wanted < available:
        raise UsageError(f"count={wanted} is not between 1 and {available - 1}")
    return wanted
