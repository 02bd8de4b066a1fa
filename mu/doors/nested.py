"""Inputs of one or several tensors: alone, in a tuple, a list or a dictionary."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor


def moved(x: Any, device: torch.device | str) -> Any:
    """The same structure with its tensors on a device; what has a ``to`` of its own is asked.

    Example:
        >>> moved({"a": torch.ones(1), "b": [torch.zeros(1)]}, "cpu")
        {'a': tensor([1.]), 'b': [tensor([0.])]}
    """
    if isinstance(x, Mapping):
        return {name: moved(value, device) for name, value in x.items()}
    if isinstance(x, tuple | list):
        return type(x)(moved(value, device) for value in x)
    return x.to(device) if hasattr(x, "to") else x


def tensors_in(x: Any) -> Iterator[Tensor]:
    """The tensors of a structure, in their order."""
    if isinstance(x, Tensor):
        yield x
    elif isinstance(x, Mapping | tuple | list):
        for value in x.values() if isinstance(x, Mapping) else x:
            yield from tensors_in(value)
