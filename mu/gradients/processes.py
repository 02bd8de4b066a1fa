"""Batches shared out to the processes of `torch.distributed`, and the sums of all of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from mu.errors import UsageError

T = TypeVar("T")
S = TypeVar("S")
_sharing: ContextVar[bool] = ContextVar("sharing", default=False)


@contextmanager
def sharing() -> Iterator[None]:
    """Inside, a process takes the gradients of its share of the batches, and sums are those of all.

    Every process makes the same calls with the same batches, all of them: it reads each and
    computes every n-th, n the number of processes. So batches are those of a single process, and
    what is summed over them equals its sums up to the order of addition. A process that fails
    leaves the others waiting until their process group gives up.

    Raises:
        UsageError: There is no process group.
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        raise UsageError(
            "there is no process group to share batches in: call "
            "torch.distributed.init_process_group first, or leave parallel= out"
        )
    token = _sharing.set(True)
    try:
        yield
    finally:
        _sharing.reset(token)


def own(batches: Iterable[T]) -> Iterator[T]:
    """The batches of this process; all are read.

    Example:
        >>> list(own([1, 2, 3]))   # where nothing is shared
        [1, 2, 3]
    """
    if not _sharing.get():
        yield from batches
        return
    rank, count = distributed.get_rank(), distributed.get_world_size()
    for place, batch in enumerate(batches):
        if place % count == rank:
            yield batch


def summed(sums: Mapping[str, Tensor], *counts: int) -> tuple[dict[str, Tensor], tuple[int, ...]]:
    """Sums and counts over the batches of all processes, added up in float64.

    Args:
        sums: Of this process; the same names and shapes in all.
        counts: Of this process.

    Example:
        >>> summed({"w": torch.ones(1)}, 3)   # where nothing is shared
        ({'w': tensor([1.])}, (3,))
    """
    if not _sharing.get():
        return dict(sums), counts
    device = next((tensor.device for tensor in sums.values()), torch.device("cpu"))
    flat = [tensor.detach().double().flatten() for tensor in sums.values()]
    whole = torch.cat([*flat, torch.tensor(counts, dtype=torch.float64, device=device)])
    distributed.all_reduce(whole)
    *parts, found = torch.split(whole, [*(len(part) for part in flat), len(counts)])
    total = {
        name: part.view(tensor.shape).to(tensor.dtype)
        for (name, tensor), part in zip(sums.items(), parts, strict=True)
    }
    return total, tuple(round(count) for count in found.tolist())


def made(make: Callable[[T], S], batches: Iterable[T]) -> Iterator[S]:
    """What ``make`` gives of each batch, in their order; each is made by one process for all.

    Example:
        >>> list(made(str, [1, 2]))   # where nothing is shared
        ['1', '2']
    """
    if not _sharing.get():
        yield from map(make, batches)
        return
    rank, count = distributed.get_rank(), distributed.get_world_size()
    rest = iter(batches)
    while some := list(islice(rest, count)):
        found: list[Any] = [None] * count
        distributed.all_gather_object(found, make(some[rank]) if rank < len(some) else None)
        yield from found[: len(some)]
