"""The elements with the highest or the lowest values."""

import numpy as np

from mu.errors import UsageError
from mu.evaluation.signals import Floats, Ids

ORDERS = ("highest", "lowest")


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
