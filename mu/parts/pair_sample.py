"""Retained pairs that a loss on a graph looks at: near what is forgotten, and a sample."""

import numpy as np
import torch
from torch import Tensor

from mu.data.base import Ids
from mu.data.graphs import GraphInput, scipy_csr
from mu.data.links import draw_non_edges, is_among, pair_codes


def sampled_pairs(forget: GraphInput, retain: GraphInput, sample: int | None, seed: int) -> Tensor:
    """(2, 2m) m retained edges, then m pairs without an edge in the retained graph.

    Half of a near set's non-edges would be far away if they were drawn from all nodes, so those are
    drawn among the nodes of the near edges; those of the sample among all.

    Args:
        forget: Retained view that asks for the forgotten pairs.
        retain: Retained view that asks for the retained pairs.
        sample: How many edges beside those that share an end point with a forgotten one; None for
            all retained edges.
        seed: Seed of the draws.
    """
    assert forget.pairs is not None
    assert retain.pairs is not None
    rng = np.random.default_rng([seed & 0xFFFFFFFF, 5])
    edges = retain.pairs.numpy().T
    size = len(retain.adjacency)
    # A forgotten pair has no edge any more, and must not be taught as one of the others.
    gone = pair_codes(np.sort(forget.pairs.numpy().T, axis=1), size)
    known = np.union1d(codes_of(retain), gone)
    if sample is None:
        return _columns(edges, draw_non_edges(known, size, len(edges), rng))
    touched = np.zeros(size, bool)
    touched[forget.pairs.numpy().ravel()] = True
    is_near = touched[edges].any(axis=1)
    near, far = edges[is_near], edges[~is_near]
    some = far[np.sort(rng.choice(len(far), min(sample, len(far)), replace=False))]
    around = _around(known, np.unique(near), len(near), size, rng)
    return _columns(near, some, around, draw_non_edges(known, size, len(some), rng))


def _around(known: Ids, nodes: Ids, count: int, size: int, rng: np.random.Generator) -> Ids:
    """(count, 2) or fewer pairs without an edge among some nodes."""
    if len(nodes) < 2:
        return np.empty((0, 2), np.int64)
    found = nodes[np.sort(rng.integers(len(nodes), size=(4 * count, 2)), axis=1)]
    found = found[found[:, 0] < found[:, 1]]
    return found[~is_among(found @ np.array([size, 1]), known)][:count]


def codes_of(x: GraphInput) -> Ids:
    """Sorted `mu.data.links.pair_codes` of the edges of a view, made once."""

    def make() -> Ids:
        coo = scipy_csr(x.adjacency).tocoo()
        rows, columns = coo.row.astype(np.int64), coo.col.astype(np.int64)
        up = rows < columns
        return np.sort(rows[up] * len(x.adjacency) + columns[up])

    return x.once("codes", make)


def _columns(*pairs: Ids) -> Tensor:
    return torch.from_numpy(np.concatenate(pairs).T.copy())
