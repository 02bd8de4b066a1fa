"""A request, checked once and in one place: who is to be forgotten, and what is left."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from mu.artifact import Artifact
from mu.data.base import Data, Ids, Kept, removed_elements
from mu.data.graphs import GraphData
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
        UsageError: Unknown kind, no ids, what is no id, an id twice, out of range, never trained
            on, or already forgotten.
    """
    kind, trained = request.kind, data.elements(request.kind)
    ids = np.sort(ids_of(request, data))

    def called(one: int) -> str:
        names = data.element_names(kind, np.array([one]))
        return f"id {one}" if names is None else f"id {one} ({names[0]})"

    if len(ids) == 0:
        raise UsageError(f"the request names no {request.kind}; there is nothing to forget")
    twice = ids[:-1][ids[1:] == ids[:-1]]
    if len(twice):
        mask = "; a mask holds booleans: mask.astype(bool)" if ids[-1] <= 1 else ""
        raise UsageError(f"{called(twice[0])} is named twice in the request{mask}")
    foreign = np.setdiff1d(ids, data.nameable(kind))
    if len(foreign):
        raise UsageError(f"id {foreign[0]} is not one of {said_of(foreign[0], data, kind)}")
    outside = np.setdiff1d(ids, trained)
    if 0 < len(outside) < len(ids):
        raise UsageError(
            f"the request names {kind} that were trained on and others, such as {outside[0]}, "
            f"{data.part_of(outside[0])}: of the former their own outputs are scored, of the "
            "latter those of their trained neighbours; ask for them one after the other"
        )
    gone = np.intersect1d(ids, before.get(request.kind, np.empty(0, np.int64)))
    if len(gone):
        raise UsageError(f"{called(gone[0])} of {kind} was forgotten by an earlier request")
    if len(ids) == len(trained) and not len(outside):
        raise UsageError(f"the request names all {len(ids)} {kind}; nothing would be left")
    return Request(kind, ids)


def said_of(foreign: int, data: Data, kind: str) -> str:
    """What there is to forget, and where an id is that is not among it."""
    trained = data.elements(kind)
    span = f" (ids {trained[0]} to {trained[-1]})" if len(trained) else ""
    there = kind != "edges" and foreign in data.universe()
    names = data.element_names(kind, np.array([foreign])) if there else None
    place = f"; {names[0] if names else 'it'} is {data.part_of(foreign)}" if there else ""
    return f"the {len(trained)} trained {kind}{span}{place}"


def ids_of(request: Request, data: Data) -> Ids:
    """(n,) ids of a request, which may hold booleans or pairs of nodes instead.

    A mask has one boolean for each id (see `mu.data.base.Data.mask_sizes`). Edges may be (n, 2) or
    (2, n) nodes, in one direction or in both, which counts once.

    Raises:
        UsageError: They are none of these, or may be several.
    """
    given = request.ids
    ids = given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
    if ids.dtype == bool:
        sizes = data.mask_sizes(request.kind)
        if ids.shape not in [(size,) for size in sizes]:
            shapes = " or ".join(f"({size},)" for size in sizes)
            raise UsageError(
                f"the request holds booleans of shape {ids.shape}: a mask of the {request.kind} "
                f"has shape {shapes}, one for each id from 0; ids are mask.nonzero()"
            )
        return np.flatnonzero(ids)
    edges = isinstance(data, GraphData) and request.kind == "edges"
    if isinstance(data, GraphData) and edges and ids.ndim == 2 and 2 in ids.shape:
        return edges_of_pairs(ids, data)
    if ids.ndim == 2 and ids.shape[1] == 1:
        ids = ids[:, 0]
    if ids.ndim != 1:
        way = "; pairs of nodes have shape (n, 2) or (2, n)" if edges else ""
        raise UsageError(f"the ids of the request have shape {ids.shape}, not (n,){way}")
    if len(ids) and not np.issubdtype(ids.dtype, np.integer):
        raise UsageError(f"the ids of the request are of type {ids.dtype}; ids are whole numbers")
    return ids.astype(np.int64)


def edges_of_pairs(pairs: NDArray[Any], data: GraphData) -> Ids:
    """(n,) ids of the edges that (n, 2) or (2, n) nodes name; both directions name one edge.

    Raises:
        UsageError: The shape may mean both; see also `edges_of_rows`.
    """
    if pairs.shape == (2, 2) or 1 in pairs.shape[1:]:
        raise UsageError(
            f"the request holds numbers of shape {pairs.shape}, which may be rows or columns of "
            "pairs, or ids: data.edge_ids([[u, v], …]) are the ids of rows; in a file of ids "
            '{"pairs": [[u, v], …]} are rows and {"edge_index": …} columns'
        )
    return edges_of_rows(pairs if pairs.shape[1] == 2 else pairs.T, data)


def edges_of_rows(rows: NDArray[Any], data: GraphData) -> Ids:
    """(n,) ids of the edges that (n, 2) nodes name; both directions name one edge.

    Raises:
        UsageError: A pair is named twice, or is no trained edge.
    """
    ids = data.edge_ids(rows)
    _, counts = np.unique(rows, axis=0, return_counts=True)
    if (counts > 1).any():
        u, v = np.unique(rows, axis=0)[counts > 1][0]
        raise UsageError(f"the pair of nodes {u}, {v} is named twice in the request")
    return np.unique(ids)


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
        raise UsageError(
            f"no trained sample stands for these {request.kind}, nor for a neighbour of theirs; "
            "nothing is forgotten"
        )
    retain = np.setdiff1d(kept.ids, np.union1d(forget, gone))
    if len(retain) == 0:
        raise UsageError("the request leaves no sample to retain")
    return ForgetSplit(forget, np.setdiff1d(gone, forget), retain, kept)


def selections_of(data: Data, requests: Iterable[Request]) -> list[Artifact]:
    """Requests one after the other, each checked against what the earlier ones left.

    Raises:
        UsageError: As `check`.
    """
    found: list[Artifact] = []
    for request in requests:
        removed = removed_elements(found)
        found.append(selection(data, check(request, data, removed), removed))
    return found


def selection(data: Data, request: Request, before: Mapping[str, Ids]) -> Artifact:
    """A request as later steps read it, with the parts of the data after it."""
    parts = split(data, request, before)
    facts: dict[str, Any] = {
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
    if len(outside := data.outside(request.kind, request.ids)):
        arrays["own"] = outside
        # Nodes of no part are asked about in this request alone.
        facts["asks_more"] = bool(len(np.setdiff1d(outside, data.universe())))
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
