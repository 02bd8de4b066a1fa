"""Retained pairs that a loss on a graph looks at: near what is forgotten, and a sample."""

import numpy as np
import torch
from torch import Tensor

from mu.data.base import Ids
from mu.data.graphs import GraphInput, scipy_csr
from mu.data.links import draw_non_edges, is_among, pair_codes


class PairSample:
    """Retained edges and as many pairs without an edge.

    Args:
        sample: How many edges beside those that share an end point with a forgotten one; None for
            all retained edges.
        seed: Seed of the draws.
    """

    def __init__(self, sample: int | None, seed: int) -> None:
        self.sample = sample
        self.rng = np.random.default_rng([seed & 0xFFFFFFFF, 5])

    def pairs(self, forget: GraphInput, retain: GraphInput) -> Tensor:
        """(2, 2m) m retained edges, then m pairs without an edge in the retained graph.

        Half of a near set's non-edges would be far away if they were drawn from all nodes, so
        those are drawn among the nodes of the near edges; those of the sample among all.

        Args:
            forget: Retained view that asks for the forgotten pairs.
            retain: Retained view that asks for the retained pairs.
        """
        assert forget.pairs is not None
        assert retain.pairs is not None
        edges = retain.pairs.numpy().T
        size = len(retain.adjacency)
        known = codes_of(retain)
        # A forgotten pair has no edge any more, and must not be taught as one of the others.
        known = np.union1d(known, pair_codes(np.sort(forget.pairs.numpy().T, axis=1), size))
        if self.sample is None:
            drawn = draw_non_edges(known, size, len(edges), self.rng)
            return _columns(edges, drawn)
        touched = np.zeros(size, bool)
        touched[forget.pairs.numpy().ravel()] = True
        is_near = touched[edges].any(axis=1)
        near, far = edges[is_near], edges[~is_near]
        some = far[np.sort(self.rng.choice(len(far), min(self.sample, len(far)), replace=False))]
        around = self._around(known, np.unique(near), len(near), size)
        drawn = draw_non_edges(known, size, len(some), self.rng)
        return _columns(near, some, around, drawn)

    def _around(self, known: Ids, nodes: Ids, count: int, size: int) -> Ids:
        """(count, 2) or fewer pairs without an edge among some nodes."""
        if len(nodes) < 2:
            return np.empty((0, 2), np.int64)
        found = nodes[np.sort(self.rng.integers(len(nodes), size=(4 * count, 2)), axis=1)]
        found = found[found[:, 0] < found[:, 1]]
        codes = found @ np.array([size, 1])
        return found[~is_among(codes, known)][:count]


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
