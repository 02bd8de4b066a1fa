"""Samples drawn from a part: so many or a share of them, of all or of each class."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mu.data.base import Ids
from mu.errors import UsageError
from mu.parts.part import DataPart, LoaderPart, Part
from mu.parts.rows import labels_of

Order = Callable[[int], Ids]  # n → an order of 0 … n − 1, another one at each call


def drawn(
    part: Part,
    seed: int,
    *,
    count: int | None = None,
    share: float | None = None,
    per_class: bool = False,
    missing: Collection[int] = (),
    order: Order | None = None,
) -> Part:
    """A part cut down to samples drawn without replacement, in their order in the part.

    Of a user's own loaders the drawn samples are held in memory, and read in batches of the
    method's own.

    Args:
        part: Where to draw from.
        seed: Of the draw.
        count: How many samples; all where there are fewer. With ``share`` None as well: all.
        share: Or which share of them, in (0, 1]; at least one.
        per_class: Of each class, and not of all samples together.
        missing: With ``per_class``, classes of which nothing is taken.
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
    if isinstance(part, LoaderPart) and part.is_graph and not per_class:
        return part
    order = order or np.random.default_rng(seed).permutation
    if isinstance(part, LoaderPart):
        rows = part.rows()
        labels = labels_of(rows).numpy() if per_class else np.zeros(len(rows))
        places = torch.from_numpy(np.sort(chosen(labels, order, count, share, missing)))
        return replace(part, loaders=([rows.read(places)],), as_rows=True)
    assert isinstance(part, DataPart)
    labels = part.data.targets(part.ids) if per_class else np.zeros(len(part.ids))
    ids = part.ids[chosen(labels, order, count, share, missing)]
    return DataPart(part.data, np.sort(ids), part.view)


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
