"""Which samples stand where, by digests of their bytes."""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import torch
from torch import nn

from mu.doors.twins import Twins
from mu.evaluation.signals import Array, Ids
from mu.models.weights import bare


class SampleRows(Twins):
    """The digests of all samples, in the order in which they were read.

    Attributes:
        parts: Digests by part.
    """

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[str, list[bytes]] = {}

    def see(self, part: str, digests: Iterable[bytes]) -> None:
        found = list(digests)
        self.parts.setdefault(part, []).extend(found)
        super().see(part, found)

    def known(self) -> bool:
        """Whether samples have digests; those of a graph have none."""
        return any(self.parts.values())

    def shared(self, part: str, *others: str) -> Ids:
        """Places in a part of the samples that other parts hold, too."""
        there = set().union(*(self.parts.get(name, []) for name in others))
        return np.flatnonzero([one in there for one in self.parts.get(part, [])])

    def repeated(self, part: str) -> int:
        """How many samples of a part are there again."""
        own = self.parts.get(part, [])
        return len(own) - len(set(own))

    def digest(self, part: str, targets: Array) -> str | None:
        """Digest of inputs and targets of a part, whatever their order; None without digests."""
        own = self.parts.get(part, [])
        if len(own) != len(targets):
            return None
        rows = sorted(
            one + np.ascontiguousarray(y).tobytes() for one, y in zip(own, targets, strict=True)
        )
        return blake2b(b"".join(rows), digest_size=16).hexdigest()


def weights_digest(network: nn.Module) -> str:
    """Digest of names, types and values of all weights; of equal networks the same.

    Example:
        >>> weights_digest(nn.ReLU()) == weights_digest(nn.Tanh())
        True
    """
    value = blake2b(digest_size=16)
    for name, tensor in sorted(network.state_dict().items()):
        if not hasattr(tensor, "detach"):  # the extra state of a module
            continue
        here = tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()
        value.update(f"{bare(name)} {here.dtype} {tuple(here.shape)}".encode())
        value.update(here.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return value.hexdigest()
