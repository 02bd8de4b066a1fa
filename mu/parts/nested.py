"""Samples taken from inputs of several tensors, and put together."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mu.doors.nested import mapped, moved, tensors_of
from mu.errors import UsageError
from mu.models.base import evaluation_mode

Axes = tuple[
    int, ...
]  # of each tensor, in the order of `tensors_of`: which dimension counts samples


def taken(x: Any, rows: Tensor | slice | Sequence[int], axes: Axes) -> Any:
    """The samples of an input at some rows, in that order.

    Example:
        >>> taken((torch.arange(3), torch.arange(6).view(2, 3)), [2, 0], axes=(0, 1))
        (tensor([2, 0]), tensor([[2, 0],
                [5, 3]]))
    """
    order = iter(axes)
    return mapped(x, lambda tensor: tensor[rows] if next(order) == 0 else tensor[:, rows])


def concatenated(inputs: Sequence[Any], axes: Axes) -> Any:
    """The samples of the first input, then those of the next.

    Raises:
        UsageError: The inputs are not of one structure, or a sample has another shape than others.
    """
    if len(inputs) == 1:
        return inputs[0]
    columns = [tensors_of(x) for x in inputs]
    if any(len(column) != len(axes) for column in columns):
        raise UsageError("inputs have different structures, so they cannot stand in one batch")
    try:
        found = iter(
            [torch.cat(c, a) for c, a in zip(zip(*columns, strict=True), axes, strict=True)]
        )
    except RuntimeError as error:
        raise UsageError(
            f"inputs cannot stand in one batch ({' '.join(str(error).split())}): pad samples to "
            "one size, or hand over DataLoaders over data sets with an index and one collate_fn"
        ) from error
    return mapped(inputs[0], lambda _: next(found))


def axes_of(pieces: Sequence[tuple[Any, int]], learner: nn.Module | None = None) -> Axes:
    """Which dimension of each tensor counts samples: 0, or 1 where sequences come first.

    Sizes tell, mostly. Where they leave both open, the network is asked: of so many samples it
    returns so many logits. Of floats (n, d) the first counts.

    Args:
        pieces: Inputs of one structure, each with its number of samples.
        learner: Takes these inputs; None where it is not at hand.

    Raises:
        UsageError: No dimension has that size, or two have and nothing tells which counts.

    Example:
        >>> axes_of([(torch.zeros(7, 3, 2), 3)])
        (1,)
    """
    columns = list(zip(*(tensors_of(x) for x, _ in pieces), strict=True))
    sizes = [n for _, n in pieces]
    options = [_open(column, sizes) for column in columns]
    if all(len(one) == 1 for one in options):
        return tuple(one[0] for one in options)
    if learner is not None:
        x, n = pieces[0]
        for axis in (0, 1):
            axes = tuple(one[0] if len(one) == 1 else axis for one in options)
            if _returns_as_many(learner, x, n, axes):
                return axes
    shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors_of(pieces[0][0]))
    raise UsageError(
        f"inputs {shapes} of {sizes[0]} samples do not tell which dimension counts samples; hand "
        "over batches of another size"
    )


def _open(column: Sequence[Tensor], sizes: Sequence[int]) -> list[int]:
    """Dimensions that may count samples.

    Raises:
        UsageError: There is none.
    """
    each = list(zip(column, sizes, strict=True))
    found = [a for a in (0, 1) if all(t.dim() > a and t.shape[a] == n for t, n in each)]
    if not found:
        wrong = next(((t, n) for t, n in each if n not in t.shape[:2]), each[0])
        raise UsageError(
            f"an input of shape {tuple(wrong[0].shape)} holds no dimension of {wrong[1]} samples, "
            "so it cannot be cut into samples"
        )
    flat = column[0].dim() == 2 and column[0].is_floating_point()
    return found[:1] if flat else found


def _returns_as_many(learner: nn.Module, x: Any, n: int, axes: Axes) -> bool:
    """Whether a network returns as many logits as it is given samples along some dimensions."""
    count = 1 if n > 1 else 2
    few = taken(x, torch.zeros(count, dtype=torch.long), axes)
    first = next(learner.parameters(), None)
    with evaluation_mode(learner), torch.no_grad():
        try:
            logits = learner(few if first is None else moved(few, first.device))
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError):
            return False  # it cannot read them so
    return isinstance(logits, Tensor) and logits.dim() > 0 and len(logits) == count
