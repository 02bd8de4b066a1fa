"""Loaders of what stays that still hold what is to be forgotten."""

import warnings
from collections.abc import Iterator
from typing import Any

from mu.data.base import Batch
from mu.doors.loaders import Read
from mu.doors.twins import Twins, refuse_retained, row_digests
from mu.models.base import as_batch
from mu.parts.indexed import Source, beneath, source_of

MOST = 65_536  # retained samples that are looked at: more would take long where images are decoded
PIECE = 256


def check_apart(forget: Read, retain: Read) -> None:
    """Refuse a D_r that holds half of D_f or more, warn of one that holds some of it.

    Samples are told by their bytes and targets. DataLoaders over one data set are told by the
    indices of their samplers, whatever the data set draws anew each time. Nothing of a loader's own
    random state is used up.

    Raises:
        UsageError: D_f is retained.
    """
    found = _by_index(forget, retain)
    if found is None:
        found = _by_bytes(forget, retain)
    refuse_retained(*found)
    if found[0]:
        some = f"{found[0]} of the samples to forget {'are' if found[0] > 1 else 'is'}"
        warnings.warn(
            f"{some} in retain= as well: they are trained on and cannot be forgotten", stacklevel=4
        )


def _by_index(forget: Read, retain: Read) -> tuple[int, int] | None:
    """How many indices are shared, and how many D_f has; None where loaders share no data set."""
    ours, theirs = _indices(forget), _indices(retain)
    if ours is None or theirs is None or ours[0] is not theirs[0]:
        return None
    return len(ours[1] & theirs[1]), len(ours[1])


def _indices(loader: Read) -> tuple[Any, set[Any]] | None:
    """The data set below all subsets, and the indices in it; None where there is no index."""
    source = source_of(loader)
    if source is None:
        return None
    found = [beneath(source.loader.dataset, index) for index in _keys(source)]
    return found[0][0] if found else source.loader.dataset, {index for _, index in found}


def _keys(source: Source) -> list[Any]:
    """The indices that a sampler names; its own generator is as it was afterwards."""
    generator = getattr(source.loader.sampler, "generator", None)
    state = None if generator is None else generator.get_state()
    found = source.indices(0, 0)
    if generator is not None:
        generator.set_state(state)
    return found


def _by_bytes(forget: Read, retain: Read) -> tuple[int, int]:
    """How many samples are shared, and how many different ones D_f has."""
    twins = Twins()
    for batch in _batches(forget):
        twins.forgotten.update(_digests(batch))
    seen = 0
    for batch in _batches(retain) if twins.forgotten else ():
        twins.look("retain", _digests(batch))
        seen += len(batch)
        if seen >= MOST:
            break
    return twins.counts["retain"], len(twins.forgotten)


def _digests(batch: Batch) -> list[bytes]:
    return row_digests([batch.x, batch.y], len(batch))


def _batches(loader: Read) -> Iterator[Batch]:
    """Batches of a loader; a DataLoader's samples are read by index, its sampler is left alone."""
    source = source_of(loader)
    if source is None:
        yield from map(as_batch, loader)
        return
    data, collate = source.loader.dataset, source.loader.collate_fn
    keys = _keys(source)
    for start in range(0, len(keys), PIECE):
        yield source.read(collate([data[key] for key in keys[start : start + PIECE]]))
