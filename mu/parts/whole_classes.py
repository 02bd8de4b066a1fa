"""Requests to forget whole classes: which they are."""

import torch
from torch import Tensor

from mu.errors import NotApplicable, UsageError
from mu.models.base import as_batch
from mu.parts.part import DataPart, Part


def classes_in(part: Part) -> Tensor:
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
        >>> from mu.parts.part import LoaderPart
        >>> x = torch.zeros(3, 1)
        >>> forget = LoaderPart(([(x, torch.tensor([2, 4, 2]))],))
        >>> whole_classes(forget, LoaderPart(([(x, torch.tensor([0, 1, 0]))],)), "UNSIR")
        [2, 4]
    """
    gone, kept = torch.unique(classes_in(forget)), torch.unique(classes_in(retain))
    both = gone[torch.isin(gone, kept)]
    if len(both):
        raise NotApplicable(
            f"not applicable: {name} forgets whole classes, but class {int(both[0])} "
            "has samples to forget and samples to retain"
        )
    return [int(label) for label in gone]
