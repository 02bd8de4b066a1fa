"""What a batch is: inputs, targets and ids, read from what loaders yield."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mu.data.base import Batch
from mu.doors.nested import mapped
from mu.errors import UsageError

Field = str | int
Fields = tuple[Field | Sequence[Field], Field]


def as_batch(item: Any, fields: Fields | None = None) -> Batch:
    """A `Batch` of what a loader yields; ids are unknown (−1) unless it is one already.

    Targets that are whole numbers or booleans become int64, arrays of numpy become tensors. Tensors
    that were made in inference mode are copied, since no gradient passes through them.

    Args:
        item: A `Batch`, a pair ``(x, y)``, or with ``fields`` a mapping or a longer sequence.
        fields: Which field is the input and which the target, by name or place; names of several
            inputs become a dictionary of them.

    Raises:
        UsageError: It is no pair, and ``fields`` do not say how it is read.

    Example:
        >>> as_batch({"pixels": torch.zeros(2, 3), "label": [1, 0]}, ("pixels", "label")).y
        tensor([1, 0])
    """
    if isinstance(item, Batch):
        return item
    x, y = _pair(item) if fields is None else _chosen(item, fields)
    x, y = _tensors(x), _targets(y)
    if isinstance(x, Tensor) and len(y) not in x.shape[:2]:
        raise UsageError(
            f"a batch has {len(x)} inputs, of shape {tuple(x.shape)}, and {len(y)} targets; "
            "each input needs one"
        )
    return Batch(x, y, torch.full((len(y),), -1))


def _pair(item: Any) -> tuple[Any, Any]:
    """Input and target of what needs no further word."""
    if isinstance(item, Mapping):
        names = [str(name) for name in item]
        first, last = (names[0], names[-1]) if len(names) > 1 else ("image", "label")
        raise UsageError(
            f"a batch is a mapping with {', '.join(map(repr, names))}; say which is the input and "
            f"which the target, as in fields=({first!r}, {last!r})"
        )
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    if isinstance(item, tuple | list):
        raise UsageError(
            f"a batch has {len(item)} fields; say which is the input and which the target, as in "
            "fields=(0, 1)"
        )
    shape = f" of shape {tuple(item.shape)}" if isinstance(item, Tensor | np.ndarray) else ""
    raise UsageError(
        f"a batch is a pair (x, y), and the loader yields a {type(item).__name__}{shape}; methods "
        "and scores need the targets, too"
    )


def _chosen(item: Any, fields: Fields) -> tuple[Any, Any]:
    """Input and target that are named."""
    if not isinstance(fields, tuple | list) or len(fields) != 2:
        raise UsageError(f"fields={fields!r} must name the input and the target, as in (0, 1)")
    what, target = fields
    if isinstance(what, str | int):
        return _field(item, what), _field(item, target)
    return {str(name): _field(item, name) for name in what}, _field(item, target)


def _field(item: Any, name: Field) -> Any:
    """One field of a mapping, of a sequence or of an object."""
    try:
        if isinstance(item, Mapping) or isinstance(name, int):
            return item[name]
        return getattr(item, name)
    except (KeyError, IndexError, AttributeError, TypeError) as error:
        there = (
            ", ".join(repr(key) for key in item)
            if isinstance(item, Mapping)
            else f"the places 0 to {len(item) - 1}"
            if isinstance(item, tuple | list)
            else f"a {type(item).__name__}"
        )
        raise UsageError(f"there is no field {name!r} in a batch; it has {there}") from error


def _tensors(x: Any) -> Any:
    """Inputs with tensors in place of numpy's arrays, at any depth."""
    return mapped(x, _differentiable, _of_array)


def _differentiable(x: Tensor) -> Tensor:
    """The tensor, or a copy of one that was made in inference mode."""
    return x.clone() if x.is_inference() and not torch.is_inference_mode_enabled() else x


def _of_array(x: Any) -> Any:
    """The tensor of an array; anything else as it is."""
    if isinstance(x, np.ndarray):
        return torch.as_tensor(x if x.flags.writeable else x.copy())
    return x


def _targets(y: Any) -> Tensor:
    """(n, …) targets; whole numbers of any width and booleans as int64.

    Raises:
        UsageError: They are no numbers, or not one row a sample.
    """
    try:
        found: Tensor = (
            _differentiable(y) if isinstance(y, Tensor) else torch.as_tensor(np.asarray(y))
        )
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"the targets of a batch are a {type(y).__name__} that holds no numbers; give each "
            "class a number from 0 on"
        ) from error
    if not found.dim():
        raise UsageError(
            "the loader yields single samples, not batches: hand over "
            "torch.utils.data.DataLoader(dataset, batch_size=64)"
        )
    whole = not (found.is_floating_point() or found.is_complex())
    return found.long() if whole else found
