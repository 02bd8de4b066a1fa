"""Rows computed in chunks of one size, so that the bits of a row never change with its batch."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mu.doors.nested import mapped

CHUNK = 64  # rows that are computed together, always as many, so that a row's bits never change


def filled_up(rows: Tensor, size: int) -> Tensor:
    """Rows with zeros below, a whole chunk.

    Example:
        >>> filled_up(torch.ones(1, 2), 2)
        tensor([[1., 1.],
                [0., 0.]])
    """
    missing = size - len(rows)
    if not missing:
        return rows
    return torch.cat([rows, rows.new_zeros(missing, *rows.shape[1:])])


def size_of_chunks(compute: Callable[[Any], Tensor], rows: Any) -> int:
    """`CHUNK` where the place of a row in a chunk does not change its bits, else 1.

    It does where the rows of some matrix begin at differently aligned addresses, as those of width
    6 do.

    Args:
        compute: What is computed of a chunk, a row each.
        rows: A tensor or a structure of tensors, of samples; the first is computed at all places.
    """
    found = compute(mapped(rows, lambda tensor: tensor[[0] * CHUNK]))
    return CHUNK if bool((found == found[0]).all()) else 1
