"""A request, checked once and in one place: who is to be forgotten, and what is left."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from mu.artifact import Artifact
from mu.data.base import Data, Ids, Kept
from mu.errors import UsageError
from mu.forget_sets.files import Request


@dataclass(frozen=True)
class ForgetSplit:
    """What one request does to the data.

    Attributes:
        forget: Training samples of this request.
        before: Training samples of earlier requests.
        retain: Kept samples that are neither.
        kept: What an oracle trains on after the request.
    """

    forget: Ids
    before: Ids
    retain: Ids
    kept: Kept


def check(request: Request, data: Data, before: Mapping[str, Ids]) -> Request:
    """The request with sorted ids, or an error that names what is wrong with it.

    Raises:
        UsageError: Unknown kind, no ids, what is no id, an id twice, out of range, or already
            forgotten.
    """
    allowed = data.elements(request.kind)
    ids = np.sort(ids_of(request, data))
    if len(ids) == 0:
        raise UsageError(f"the request names no {request.kind}; there is nothing to forget")
    twice = ids[:-1][ids[1:] == ids[:-1]]
    if len(twice):
        raise UsageError(f"id {twice[0]} is named twice in the request")
    foreign = np.setdiff1d(ids, allowed)
    if len(foreign):
        raise UsageError(
            f"id {foreign[0]} is not one of the {len(allowed)} trained {request.kind} "
            f"(ids {allowed[0]} to {allowed[-1]})"
        )
    gone = np.intersect1d(ids, before.get(request.kind, np.empty(0, np.int64)))
    if len(gone):
        raise UsageError(f"id {gone[0]} ({request.kind}) was forgotten by an earlier request")
    if len(ids) == len(allowed):
        raise UsageError(f"the request names all {len(ids)} {request.kind}; nothing would be left")
    return Request(request.kind, ids)


def ids_of(request: Request, data: Data) -> Ids:
    """(n,) ids of a request, which may hold one boolean for each element instead.

    Raises:
        UsageError: They are neither.
    """
    given = request.ids
    ids = given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
    if ids.dtype == bool:
        # Ids of samples count those of all parts.
        of_samples = request.kind == "samples"
        size = int(data.universe().max()) + 1 if of_samples else data.sizes[request.kind]
        if ids.shape != (size,):
            raise UsageError(
                f"the request holds booleans of shape {ids.shape}: a mask of the {request.kind} "
                f"has shape ({size},), ids are mask.nonzero()"
            )
        return np.flatnonzero(ids)
    if ids.ndim != 1:
        way = "; data.edge_ids(pairs) are the ids of pairs" if request.kind == "edges" else ""
        raise UsageError(f"the ids of the request have shape {ids.shape}, not (n,){way}")
    if len(ids) and not np.issubdtype(ids.dtype, np.integer):
        raise UsageError(f"the ids of the request are of type {ids.dtype}; ids are whole numbers")
    return ids.astype(np.int64)


def removed_with(before: Mapping[str, Ids], request: Request) -> dict[str, Ids]:
    """Elements by kind that are gone once a request is served, too."""
    earlier = before.get(request.kind, np.empty(0, np.int64))
    return dict(before) | {request.kind: np.union1d(earlier, request.ids)}


def split(data: Data, request: Request, before: Mapping[str, Ids]) -> ForgetSplit:
    """Parts of the training samples after ``request``, given what was removed before.

    Raises:
        UsageError: No trained sample stands for what is forgotten, or none is left to retain.
    """
    removed = removed_with(before, request)
    earlier = [data.affected(kind, ids) for kind, ids in before.items()]
    gone = np.unique(np.concatenate([np.empty(0, np.int64), *earlier])).astype(np.int64)
    previous, kept = data.without(before), data.without(removed)
    forget = np.intersect1d(data.affected(request.kind, request.ids), previous.ids)
    if len(forget) == 0:
        raise UsageError(f"no trained sample stands for these {request.kind}; nothing is forgotten")
    retain = np.setdiff1d(kept.ids, np.union1d(forget, gone))
    if len(retain) == 0:
        raise UsageError("the request leaves no sample to retain")
    return ForgetSplit(forget, np.setdiff1d(gone, forget), retain, kept)


def selection(data: Data, request: Request, before: Mapping[str, Ids]) -> Artifact:
    """A request as later steps read it, with the parts of the data after it."""
    parts = split(data, request, before)
    facts = {
        "kind": request.kind,
        "forget_digest": request.digest(),
        "kept": parts.kept.digest(),
        "view": parts.kept.view.digest(),
        "n_elements": len(request.ids),
        "n_forget": len(parts.forget),
        "n_retain": len(parts.retain),
    }
    arrays = {
        "elements": request.ids,
        "forget": parts.forget,
        "before": parts.before,
        "retain": parts.retain,
    }
    if len(unasked := data.unasked(removed_with(before, request))):
        arrays["unasked"] = unasked
    return Artifact(facts, arrays)


def takes_whole_classes(forgotten: ArrayLike, retained: ArrayLike) -> bool:
    """Whether no sample of any forgotten class is retained; never so for targets of a regression.

    Args:
        forgotten: (n,) classes of D_f.
        retained: (m,) classes of D_r.

    Example:
        >>> takes_whole_classes([3, 3, 5], [1, 2]), takes_whole_classes([3, 5], [3, 1])
        (True, False)
    """
    gone, kept = np.asarray(forgotten), np.asarray(retained)
    if gone.ndim != 1 or not np.issubdtype(gone.dtype, np.integer):
        return False
    return not np.isin(gone, kept).any()
