"""How many elements a request asks for, and those at an end of an order."""

import numpy as np

from mu.errors import UsageError
from mu.evaluation.signals import Floats, Ids

ORDERS = ("highest", "lowest")


def check_budget(share: float | None, count: int | None) -> None:
    """Refuse what cannot be a budget, however many elements there are.

    Raises:
        UsageError: Neither or both given, a share outside (0, 1), a count below 1, or no number.
    """
    if (share is None) == (count is None):
        raise UsageError("a request takes either a share or a count")
    if share is not None and (type(share) not in (int, float) or not 0 < share < 1):
        raise UsageError(f"share={share!r} is not between 0 and 1")
    if count is not None and type(count) is not int:
        raise UsageError(f"count={count!r} is not a whole number")
    if count is not None and count < 1:
        raise UsageError(f"count={count} is not a number of elements; use 1 or more")


def budget(share: float | None, count: int | None, available: int) -> int:
    """Number of elements.

    Raises:
        UsageError: See `check_budget`; also a count that would leave nothing of ``available``.

    Example:
        >>> budget(0.2, None, 50)
        10
    """
    check_budget(share, count)
    wanted = count if count is not None else max(1, round((share or 0) * available))
    if not wanted < available:
        raise UsageError(f"count={wanted} is not between 1 and {available - 1}")
    return wanted


def check_order(order: object) -> str:
    """The order, if it is one.

    Raises:
        UsageError: It is not.
    """
    if not isinstance(order, str) or order not in ORDERS:
        raise UsageError(f"order={order!r} is not one of {', '.join(ORDERS)}")
    return order


def extremes(ids: Ids, values: Floats, order: str, wanted: int) -> Ids:
    """The ``wanted`` ids with the most extreme values, sorted; among equals the lowest ids.

    Args:
        ids: (n,) ids.
        values: (n,) finite values.
        order: ``highest`` or ``lowest``.
        wanted: How many, at most n.

    Example:
        >>> extremes(np.array([3, 5, 8]), np.array([0.5, 0.9, 0.5]), "lowest", 1)
        array([3])
    """
    signed = -values if check_order(order) == "highest" else values
    return np.sort(ids[np.lexsort((ids, signed))[:wanted]])
