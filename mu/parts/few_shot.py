"""A few samples of each class of a part: what is replayed where data are scarce."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from mu.errors import UsageError
from mu.parts.part import DataPart, Part


def few_shot(
    part: Part,
    shots: int | None,
    share: float | None,
    seed: int,
    missing: Collection[int] = (),
) -> Part:
    """The same number of samples of every class, or the same share, drawn without replacement.

    A user's own loaders are taken as they are.

    Args:
        part: Where to draw from.
        shots: Samples of a class; a class with fewer gives all it has.
        share: Share of each class, at least one sample; None with ``shots`` None takes all.
        seed: Of the draw.
        missing: Classes of which nothing is taken.

    Raises:
        UsageError: Both numbers are given, one makes no sense, or no class is left.
    """
    if shots is not None and share is not None:
        raise UsageError(f"shots={shots} and share={share}: give one of them")
    if (shots is not None and shots < 1) or (share is not None and not 0 < share <= 1):
        raise UsageError(f"shots={shots}, share={share}: at least 1, or a share in (0, 1]")
    if not isinstance(part, DataPart):
        return part
    labels = np.asarray(part.data.targets(part.ids))
    rng = np.random.default_rng([seed, 7])
    chosen = []
    for label in np.unique(labels):
        own = part.ids[labels == label]
        if label in missing:
            continue
        if shots is not None:
            own = rng.permutation(own)[:shots]
        elif share is not None:
            own = rng.permutation(own)[: max(1, round(share * len(own)))]
        chosen.append(own)
    if not chosen:
        raise UsageError(f"missing={sorted(missing)} leaves no class to replay")
    return replace(part, ids=np.sort(np.concatenate(chosen)))
