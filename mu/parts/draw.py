"""Samples drawn from a part: so many or a share of them, of all or of each class."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mu.data.base import Batch, Ids
from mu.data.graphs import GraphInput
from mu.errors import UsageError
from mu.models.base import as_batch
from mu.parts.cut import at
from mu.parts.part import DataPart, LoaderPart, Part
from mu.parts.rows import Held, gathered

Order = Callable[[int], Ids]  # n → an order of 0 … n − 1, another one at each call


def drawn(
    part: Part,
    seed: int,
    *,
    count: int | None = None,
    share: float | None = None,
    per_class: bool = False,
    missing: Collection[int] = (),
    batch_size: int | None = None,
    order: Order | None = None,
) -> Part:
    """A part cut down to samples drawn without replacement, in the order of their ids.

    Of a user's own loaders they are held in memory: a ``count`` is drawn, or with ``per_class``
    the first of each class are taken and shuffled, while every batch is read once; of a ``share``
    all samples have to be held first.

    Args:
        part: Where to draw from.
        seed: Of the draw.
        count: How many samples; all where there are fewer. With ``share`` None as well: all.
        share: Or which share of them, in (0, 1]; at least one.
        per_class: Of each class, and not of all samples together.
        missing: With ``per_class``, classes of which nothing is taken.
        batch_size: Of what is held in memory; None is one batch.
        order: Of the samples, or of those of one class after the other; by default numpy draws it.

    Raises:
        UsageError: Nothing is left to draw from, or samples of a user's loader do not fit into one
            batch.

    Example:
        >>> part = LoaderPart(([(torch.zeros(5, 2), torch.arange(5))],))
        >>> [len(batch) for batch in drawn(part, 0, count=3).batches()]
        [3]
    """
    if count is None and share in (None, 1) and not missing:
        return part
    if isinstance(part, DataPart):
        labels = part.data.targets(part.ids) if per_class else np.zeros(len(part.ids))
        order = order or np.random.default_rng(seed).permutation
        rows = chosen(labels, order, count, share, missing)
        return DataPart(part.data, np.sort(part.ids[rows]), part.view)
    learner = getattr(part, "learner", None)
    if count is not None and not per_class:
        some = of_stream(part.batches(), count, seed, learner)
        return part if some is None else LoaderPart(([some],), learner)
    order = order or torch_order(seed)
    if count is not None:
        few = first_of_each(part.batches(), count, learner)
        rows = order(len(few))
    else:
        few = gathered(part.batches(), learner)
        labels = few.batch.y.numpy() if per_class else np.zeros(len(few))
        rows = np.sort(chosen(labels, order, count, share, missing))
    places = torch.split(torch.from_numpy(rows), batch_size or len(rows))
    return LoaderPart((list(few.batches(places)),), learner)


def chosen(
    labels: NDArray[Any],
    order: Order,
    count: int | None = None,
    share: float | None = None,
    missing: Collection[int] = (),
) -> Ids:
    """(m,) rows, class after class: so many of each, a share of each, or all of each.

    Args:
        labels: (n,) classes.
        order: Draws one for each class.
        count: Rows of a class; one with fewer gives all it has.
        share: Or the share of them, at least one.
        missing: Classes without rows.

    Raises:
        UsageError: No class is left.

    Example:
        >>> chosen(np.array([0, 0, 1, 1, 1, 1]), np.arange, share=0.5)
        array([0, 2, 3])
    """
    found = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if label in missing:
            continue
        most = max(1, round(share * len(rows))) if share is not None else count
        found.append(rows if most is None else rows[order(len(rows))][:most])
    if not found:
        raise UsageError(f"missing={sorted(missing)} leaves no class to draw from")
    return np.concatenate(found)


def torch_order(seed: int) -> Order:
    """Orders drawn by torch on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    return lambda n: torch.randperm(n, generator=generator).numpy()


def of_stream(
    batches: Iterable[Any], count: int, seed: int, learner: nn.Module | None = None
) -> Batch | None:
    """Samples drawn from a stream as one batch; None where it is of a graph.

    Only then is it known how many samples there are; no more than ``count`` are ever held.

    Raises:
        UsageError: There are no samples, or they do not fit into one batch.
    """
    generator = torch.Generator().manual_seed(seed)
    keys = torch.empty(0)
    found: Batch | None = None
    for item in batches:
        batch = as_batch(item)
        if isinstance(batch.x, GraphInput):
            return None
        keys = torch.cat([keys, torch.rand(len(batch), generator=generator)])
        held = gathered([batch] if found is None else [found, batch], learner)
        best = keys.argsort()[:count].sort().values
        keys, found = keys[best], held.read(best)
    if found is None:
        raise UsageError("there are no samples to draw from")
    return found


def first_of_each(batches: Iterable[Any], count: int, learner: nn.Module | None = None) -> Held:
    """The first ``count`` samples of each class in a stream.

    Raises:
        UsageError: There are no samples, or they do not fit into one batch.
    """
    taken: dict[int, int] = {}
    found: list[Batch] = []
    for batch in map(as_batch, batches):
        rows = []
        for row, label in enumerate(batch.y.tolist()):
            taken[label] = taken.get(label, 0) + 1
            rows += [row] if taken[label] <= count else []
        if rows:
            found.append(at(batch, rows, learner))
    return gathered(found, learner)
