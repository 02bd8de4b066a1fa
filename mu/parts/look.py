"""A look at what a method is handed, before its first step."""

from collections.abc import Mapping

import torch

from mu.data.base import Batch
from mu.doors.checked import Task, task_of
from mu.doors.loaders import Read
from mu.doors.outputs import targets_of
from mu.errors import UsageError
from mu.models.base import Learner, as_batch
from mu.parts.part import DataPart, LoaderPart, Part, move

LOOKED_AT = ("forget", "retain", "full", "kept")
NEVER_EMPTY = ("forget", "retain")


def look(learner: Learner, parts: Mapping[str, Part], device: str) -> Task | None:
    """What the network is asked for, seen on a first batch of each part.

    Args:
        learner: On the device.
        parts: What the method is handed.
        device: Where to compute.

    Returns:
        The same for all parts; None where none of them can be looked at.

    Raises:
        UsageError: D_f or D_r is empty, the network fails on its first batch, or a target does not
            belong to the network.
    """
    found: dict[int, Task] = {}  # by what samples come from: those of one data set are alike
    for name in LOOKED_AT:
        part = parts.get(name)
        if not isinstance(part, DataPart | LoaderPart):
            continue
        if isinstance(part, DataPart) and not len(part.ids):
            if name in NEVER_EMPTY:
                raise UsageError(f"there are no samples to {name}")
            continue
        source = id(part.data if isinstance(part, DataPart) else part.loaders[0])
        if source not in found:
            first = move(_first(part, name), device)
            found[source] = task_of(learner, first, f"{name}=")
        _check_all(part, found[source])
    return next(iter(found.values()), None)


def _first(part: DataPart | LoaderPart, name: str) -> Batch:
    """A first batch of a part, of two samples where that can be.

    Raises:
        UsageError: There is none.
    """
    if isinstance(part, DataPart):
        few = part.ids if part.data.trains_whole else part.ids[:2]
        return next(iter(part.data.loader(few, part.view)))
    loader = part.loaders[0]
    reading = loader if isinstance(loader, Read) else Read(loader, name=f"{name}=")
    return as_batch(reading.first())


def _check_all(part: DataPart | LoaderPart, task: Task) -> None:
    """Check the targets of a data set at once; those of loaders are checked as they are read."""
    if isinstance(part, DataPart):
        if task.classes:
            given = torch.as_tensor(part.data.targets(part.ids))
            task.check(targets_of(given, task.columns), given)
        return
    for loader in part.loaders:
        if isinstance(loader, Read):
            loader.task = task
