"""Batches that remember their samples, so that sets of samples can be told apart."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.base import as_batch
from mu.parts.part import Part


class Remembering:
    """Batches on their way through; afterwards it is known which samples they held.

    Args:
        name: What the set is called in messages.
        batches: ``(x, y)`` or `Batch`.

    Attributes:
        count: Samples so far.
    """

    def __init__(self, name: str, batches: Iterable[Any]) -> None:
        self.name, self.batches, self.count = name, batches, 0
        self.index: list[Tensor] = []

    def __iter__(self) -> Iterator[Batch]:
        for batch in map(as_batch, self.batches):
            self.count += len(batch)
            self.index.append(batch.index.cpu())
            yield batch

    @property
    def ids(self) -> Tensor:
        """(m,) ids of the samples that have one, sorted.

        Raises:
            UsageError: There were no samples, or one came twice.
        """
        if not self.count:
            raise UsageError(f"there are no samples to {self.name}; both sets must hold some")
        found = torch.cat(self.index)
        return distinct(self.name, found[found >= 0])


def distinct(name: str, ids: Tensor) -> Tensor:
    """(m,) the ids, sorted.

    Raises:
        UsageError: One of them is there twice.

    Example:
        >>> distinct("forget", torch.tensor([3, 1, 3]))
        Traceback (most recent call last):
        mu.errors.UsageError: sample 3 is twice among those to forget
    """
    found: Tensor = ids.sort().values
    twice = found[1:][found[1:] == found[:-1]]
    if len(twice):
        raise UsageError(f"sample {int(twice[0])} is twice among those to {name}")
    return found


def check_disjoint(
    forget: Tensor, other: Tensor, name: str = "both to forget and to retain"
) -> None:
    """Refuse sets that share a sample.

    Args:
        forget: (m,) ids.
        other: (k,) ids.
        name: What a shared sample would be.

    Raises:
        UsageError: Naming the first shared sample.
    """
    shared = forget[torch.isin(forget, other)]
    if len(shared):
        raise UsageError(f"sample {int(shared[0])} is {name}")


def known_ids(part: Part) -> Tensor | None:
    """(k,) ids of a part, or None for a user's own loaders."""
    ids = getattr(part, "ids", None)
    return None if ids is None else torch.as_tensor(ids)
