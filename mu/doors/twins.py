"""Forgotten samples whose inputs, byte for byte, are elsewhere too."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any

import torch

from mu.data.base import Data, Ids, TensorData
from mu.doors.nested import tensors_of
from mu.errors import UsageError

PIECE = 4096  # samples that are digested at once


def row_digests(x: Any, count: int) -> list[bytes]:
    """A digest of the input of each sample; none where the inputs have not one row a sample.

    Example:
        >>> a, b, c = row_digests(torch.tensor([[1.0], [2.0], [1.0]]), 3)
        >>> a == c, a == b
        (True, False)
    """
    found = [blake2b(digest_size=16) for _ in range(count)]
    try:
        tensors = [tensor.detach().cpu().contiguous() for tensor in tensors_of(x)]
    except UsageError:  # a graph
        return []
    if not tensors or any(len(tensor) != count for tensor in tensors):
        return []
    for tensor in tensors:
        rows = tensor.reshape(count, -1).view(torch.uint8).numpy()
        for value, row in zip(found, rows, strict=True):
            value.update(row.data)
    return [value.digest() for value in found]


class Twins:
    """Counts forgotten samples that other parts hold too.

    Args:
        forgotten: Digests of the inputs of D_f.
    """

    def __init__(self, forgotten: Iterable[bytes] = ()) -> None:
        self.forgotten = set(forgotten)
        self.counts: Counter[str] = Counter()
        self._seen: dict[str, set[bytes]] = {}

    def see(self, part: str, digests: Iterable[bytes]) -> None:
        """Take in samples of a part, those of D_f before all others."""
        if part == "forget":
            self.forgotten.update(digests)
        else:
            self.look(f"{part}=", digests)

    def look(self, part: str, digests: Iterable[bytes]) -> None:
        """Count the samples of a part that are in D_f; each only once."""
        seen = self._seen.setdefault(part, set())
        new = self.forgotten.intersection(digests) - seen
        seen |= new
        self.counts[part] += len(new)

    def said(self) -> list[str]:
        """A sentence a part that holds some."""
        return [
            f"{count} of the samples to forget {'are' if count > 1 else 'is'} in {part} as well, "
            "with the same bytes: forgetting cannot be judged by them"
            for part, count in self.counts.items()
            if count
        ]


def refuse_retained(found: int, forgotten: int) -> None:
    """Refuse a D_r that holds D_f, or most of it: what is to be forgotten would be trained on.

    Args:
        found: Samples of D_f, with their targets, that D_r holds too.
        forgotten: Different samples of D_f.

    Raises:
        UsageError: They are half of D_f or more.
    """
    if forgotten and 2 * found >= forgotten:
        raise UsageError(
            f"{found} of the {forgotten} samples of forget= are in retain= as well, with the same "
            "bytes and targets; retain= takes what is left without them"
        )


def twins_of(data: Data, forget: Ids, others: Mapping[str, Ids]) -> dict[str, int]:
    """How many samples of D_f are in other parts too; nothing where samples are no tensors.

    Args:
        data: The data.
        forget: Ids of D_f.
        others: Part → ids.
    """
    if not isinstance(data, TensorData):
        return {}
    found = Twins(_digests(data, forget))
    for part, ids in others.items():
        found.look(part, _digests(data, ids))
    return dict(found.counts)


def _digests(data: TensorData, ids: Ids) -> Iterator[bytes]:
    """Digests of the samples as they are held, before normalisation."""
    for start in range(0, len(ids), PIECE):
        some = ids[start : start + PIECE]
        yield from row_digests(data.x[torch.from_numpy(some)], len(some))
