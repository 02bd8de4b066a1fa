"""Inputs of a network: a tensor, or tensors in tuples, lists and dictionaries."""

import copy
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from mu.errors import UsageError


def _refused(x: Any) -> Any:
    raise UsageError(
        f"inputs hold a {type(x).__name__}, which cannot be cut into samples: tensors are needed, "
        "alone or in tuples, lists and dictionaries"
    )


def mapped(
    x: Any, change: Callable[[Tensor], Tensor], other: Callable[[Any], Any] = _refused
) -> Any:
    """The same structure with each tensor changed; None stays.

    Args:
        x: A tensor, or tuples, lists and mappings of them.
        change: Of a tensor.
        other: Of anything else; by default it is refused.

    Raises:
        UsageError: Something in it is neither a tensor nor such a structure.

    Example:
        >>> mapped({"a": torch.ones(2), "b": [None]}, torch.neg)
        {'a': tensor([-1., -1.]), 'b': [None]}
    """
    if isinstance(x, Tensor):
        return change(x)
    if x is None:
        return None
    if isinstance(x, Mapping):
        values = {key: mapped(value, change, other) for key, value in x.items()}
        if type(x) is dict or not isinstance(x, MutableMapping):
            return values
        found: Any = copy.copy(x)  # an ordered one, or one with attributes of its own
        found.update(values)
        return found
    if isinstance(x, tuple | list) and not isinstance(x, PackedSequence):
        parts = [mapped(value, change, other) for value in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return other(x)


def tensors_of(x: Any) -> list[Tensor]:
    """The tensors in a structure, in the order in which `mapped` meets them."""
    found: list[Tensor] = []
    mapped(x, lambda tensor: found.append(tensor) or tensor)  # type: ignore[func-returns-value]
    return found


def moved(x: Any, device: torch.device | str) -> Any:
    """The input on a device; a graph moves itself."""
    if hasattr(x, "to") and not isinstance(x, Mapping):
        return x.to(device)
    return mapped(x, lambda tensor: tensor.to(device))


def check_one_float(x: Any, name: str, why: str) -> None:
    """Refuse inputs that are not one tensor of floating-point numbers.

    Args:
        x: Inputs.
        name: Who needs it.
        why: What for, as the end of a sentence; with the way out.

    Raises:
        UsageError: They are not.
    """
    if not (isinstance(x, Tensor) and x.is_floating_point()):
        kind = f"a tensor of {x.dtype}" if isinstance(x, Tensor) else f"a {type(x).__name__}"
        raise UsageError(f"{name} needs inputs that are one tensor of floats, not {kind}: {why}")
