"""What a user brings: a network, its samples, and the words they would say to mu."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

TRAINED, COUNT, CLASSES = 24, 33, 3
BATCH = 8


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def labels() -> Tensor:
    return torch.arange(COUNT) % CLASSES


def forgotten() -> Tensor:
    """Ids of class 2 among what was trained on."""
    return torch.arange(2, TRAINED, CLASSES)


def retained() -> Tensor:
    return torch.tensor([i for i in range(TRAINED) if i % CLASSES != 2])


@dataclass
class Problem:
    """A network and its samples: the first `TRAINED` were trained on, the others never.

    Attributes:
        words: What the user says besides, such as ``loss=``.
        dim: Where the samples lie in the inputs.
        same: Name of the problem that means the same in plainer words: results must be equal.
        strict: Whether what the plainer problem is refused may not be served here either.
        nearly: Whether rounding may differ from the plainer problem.
        training: Whether the user left the network in training mode.
    """

    net: nn.Module
    x: Any
    y: Any
    words: dict[str, Any] = field(default_factory=dict)
    dim: int = 0
    same: str | None = None
    strict: bool = False
    nearly: bool = False
    training: bool = False

    def rows(self, ids: Tensor) -> tuple[Any, Any]:
        """Inputs and targets of some samples."""
        return chosen(self.x, ids, self.dim), self.y[ids]

    def pairs(self, ids: Tensor) -> list[tuple[Any, Any]]:
        return [self.rows(part) for part in ids.split(BATCH)] if len(ids) else []


def chosen(x: Any, ids: Tensor, dim: int) -> Any:
    if isinstance(x, dict):
        return {name: chosen(one, ids, dim) for name, one in x.items()}
    if isinstance(x, tuple):
        return tuple(chosen(one, ids, dim) for one in x)
    return x.index_select(dim, ids)


def heard(net: nn.Module, x: Any) -> None:
    """One pass in training mode, so that running statistics are those of some data."""
    net.train()
    torch.manual_seed(0)
    net(x)


def tensors(net: nn.Module) -> Iterator[Tensor]:
    yield from net.state_dict().values()
