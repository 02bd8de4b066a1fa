"""Requests to forget whole classes: which they are, and a few samples of the others."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mu.data.base import Batch
from mu.errors import NotApplicable, UsageError
from mu.models.base import as_batch
from mu.parts.part import DataPart, LoaderPart, Part


def labels_of(part: Part) -> Tensor:
    """(n,) labels of a part; of a user's own loaders every batch is looked at.

    Raises:
        UsageError: There are no samples, or the targets are no class labels.
    """
    if isinstance(part, DataPart):
        found = torch.as_tensor(part.data.targets(part.ids))
    else:
        seen = [as_batch(batch).y.cpu() for batch in part.batches()]
        found = torch.cat(seen) if seen else torch.empty(0, dtype=torch.long)
    if not len(found):
        raise UsageError("there are no samples to read the classes of")
    if found.dim() != 1 or found.is_floating_point():
        raise UsageError(f"targets {tuple(found.shape)} {found.dtype} are no class labels")
    return found


def whole_classes(forget: Part, retain: Part, name: str) -> list[int]:
    """The classes of D_f, none of which is left in D_r.

    Args:
        forget: D_f.
        retain: D_r.
        name: The method, for the message.

    Raises:
        NotApplicable: A class of D_f is in D_r as well: the request is not for whole classes.

    Example:
        >>> x = torch.zeros(3, 1)
        >>> forget = LoaderPart(([(x, torch.tensor([2, 4, 2]))],))
        >>> whole_classes(forget, LoaderPart(([(x, torch.tensor([0, 1, 0]))],)), "UNSIR")
        [2, 4]
    """
    gone, kept = torch.unique(labels_of(forget)), torch.unique(labels_of(retain))
    both = gone[torch.isin(gone, kept)]
    if len(both):
        raise NotApplicable(
            f"not applicable: {name} forgets whole classes, but class {int(both[0])} "
            "has samples to forget and samples to retain"
        )
    return [int(label) for label in gone]


def few_of_each(part: Part, count: int, batch_size: int, seed: int) -> Part:
    """At most ``count`` samples of each class of a part, drawn without replacement.

    Of a user's own loaders the first of each class are taken, held in memory and handed out in
    shuffled batches of ``batch_size``.

    Raises:
        UsageError: ``count`` is below 1, or the inputs of a user's loader are no tensors.
    """
    if count < 1:
        raise UsageError(f"{count} samples of each class are too few; take at least 1")
    if isinstance(part, DataPart):
        labels, rng = part.data.targets(part.ids), np.random.default_rng(seed)
        drawn = [rng.permutation(part.ids[labels == label])[:count] for label in np.unique(labels)]
        return DataPart(part.data, np.sort(np.concatenate(drawn)), part.view)
    taken: dict[int, int] = {}
    xs: list[Tensor] = []
    ys: list[Tensor] = []
    for item in part.batches():
        batch: Any = as_batch(item)
        if not isinstance(batch.x, Tensor):
            raise UsageError("batches whose inputs are no tensors cannot be drawn from")
        rows = _wanted(batch.y.tolist(), taken, count)
        xs.append(batch.x[rows])
        ys.append(batch.y[rows])
    order = torch.randperm(len(torch.cat(ys)), generator=torch.Generator().manual_seed(seed))
    mixed_up = [torch.split(torch.cat(rows)[order], batch_size) for rows in (xs, ys)]
    both = zip(*mixed_up, strict=True)
    return LoaderPart(([Batch(a, b, torch.full((len(b),), -1)) for a, b in both],))


def _wanted(labels: list[int], taken: dict[int, int], count: int) -> list[int]:
    """Rows of the labels that are among the first ``count`` of their class; counts them."""
    rows = []
    for row, label in enumerate(labels):
        if taken.get(label, 0) < count:
            taken[label] = taken.get(label, 0) + 1
            rows.append(row)
    return rows
