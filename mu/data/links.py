"""Link prediction on one undirected graph: pairs with and without an edge."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mu.data.base import Batch, Ids, Kept, Reading, View, named_in
from mu.data.graphs import Edges, GraphData, Weights
from mu.data.split import check_shares
from mu.errors import UsageError


class LinkData(GraphData):
    """Link prediction: a sample is a pair of nodes, with or without an edge.

    Ids in this order: training edges, validation positives and negatives, test positives and
    negatives. The split is that of GNNDelete (Cheng et al., ICLR 2023): edges with row < col, a
    random permutation, as many pairs without an edge as held-out edges, all fixed by a seed.
    Evaluation negatives exclude every edge of the full graph. Training negatives are drawn per
    (seed, epoch) from the non-edges of the view trained on, as many as positives; their index
    is −1.

    Args:
        x: (N, f) node features, dense or sparse CSR.
        y: (N,) node classes.
        edges: (E, 2) all edges, row < col, sorted.
        validation, test: Shares of the edges held out.
        split_seed: Seed of the split and of the evaluation negatives.
        supervised: Training edges in the loss of one epoch, drawn anew each epoch; None takes all.
            Messages pass along all edges either way. For graphs whose pairs do not fit in memory.
        weights: (E,) positive weights of all edges, or None. They weigh messages, not the loss.

    Raises:
        UsageError: Shares that leave nothing, or fewer pairs without an edge than asked for.
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        edges: Edges,
        validation: float = 0.05,
        test: float = 0.05,
        split_seed: int = 0,
        supervised: int | None = None,
        weights: Weights | None = None,
    ) -> None:
        check_shares(validation=validation, test=test)
        if supervised is not None and supervised < 1:
            raise UsageError(f"supervised={supervised} is not a number of edges; null means all")
        rng = np.random.default_rng(split_seed)
        order = rng.permutation(len(edges))
        n_validation, n_test = round(validation * len(edges)), round(test * len(edges))
        held = [order[:n_validation], order[n_validation : n_validation + n_test]]
        trained = np.sort(order[n_validation + n_test :])
        negatives = non_edges(edges, len(y), n_validation + n_test, rng)
        super().__init__(x, y, edges[trained], None if weights is None else weights[trained])
        self.supervised = supervised
        blocks = [
            edges[trained],
            edges[held[0]],
            negatives[:n_validation],
            edges[held[1]],
            negatives[n_validation:],
        ]
        self.pairs = np.concatenate(blocks)
        self.pair_labels = np.repeat([1, 1, 0, 1, 0], [len(b) for b in blocks])
        ends = np.cumsum([len(b) for b in blocks])
        self.parts = {
            "train": np.arange(ends[0]),
            "validation": np.arange(ends[0], ends[2]),
            "test": np.arange(ends[2], ends[4]),
        }
        self._codes = lru_cache(maxsize=4)(self._build_codes)

    def fingerprint(self) -> str:
        pairs = blake2b(self.pairs.tobytes(), digest_size=16).hexdigest()
        return blake2b((super().fingerprint() + pairs).encode(), digest_size=16).hexdigest()

    def targets(self, ids: Ids) -> NDArray[Any]:
        return self.pair_labels[ids]

    def without(self, removed: Mapping[str, Ids]) -> Kept:
        view = self.view_without(removed)
        gone = np.asarray(view.removed.get("edges", ()), np.int64)
        return Kept(np.setdiff1d(self.parts["train"], gone), view)

    def affected(self, kind: str, ids: Ids) -> Ids:
        ids = named_in({kind: ids}, kind)
        return np.sort(ids) if kind == "edges" else self.incident(ids)

    def stopping(self, kept: Kept) -> Ids:
        # Trained pairs are all edges; that held-out ones are not says nothing of a class gone.
        return self.parts["validation"]

    def unasked(self, removed: Mapping[str, Ids]) -> Ids:
        """Held-out pairs with an end point that is gone: there is no such node to ask about."""
        gone = np.isin(self.pairs, named_in(removed, "nodes")).any(axis=1)
        return np.setdiff1d(np.flatnonzero(gone), self.parts["train"])

    def pairs_of_ids(self) -> NDArray[np.int64]:
        return self.pairs

    def read_batches(self, ids: Ids, view: View | None, how: Reading) -> Iterator[Batch]:
        graph = self.graph(view)
        for start in range(0, len(ids), how.batch_size):
            part = ids[start : start + how.batch_size]
            if how.train:
                part = self._supervised(part, how.seed, how.epoch)
            pairs, labels, index = self.pairs[part], self.pair_labels[part], part
            if how.train:
                drawn = self._training_negatives(view, len(part), how.seed, how.epoch)
                pairs = np.concatenate([pairs, drawn])
                labels = np.concatenate([labels, np.zeros(len(drawn), np.int64)])
                index = np.concatenate([index, np.full(len(drawn), -1)])
            asked = replace(graph, pairs=torch.from_numpy(pairs.T.copy()))
            yield Batch(asked, torch.from_numpy(labels), torch.from_numpy(index), units=1)

    def _supervised(self, ids: Ids, seed: int, epoch: int) -> Ids:
        if self.supervised is None or self.supervised >= len(ids):
            return ids
        rng = np.random.default_rng([seed & 0xFFFFFFFF, epoch, 4])
        return np.sort(rng.choice(ids, self.supervised, replace=False, shuffle=False))

    def _training_negatives(self, view: View | None, count: int, seed: int, epoch: int) -> Edges:
        removed = (view or View()).removed.get("edges", ())
        rng = np.random.default_rng([seed & 0xFFFFFFFF, epoch, 2])
        return draw_non_edges(self._codes(removed), self.num_nodes, count, rng)

    def _build_codes(self, removed: tuple[int, ...]) -> Ids:
        return pair_codes(self.edges_of(View({"edges": removed})), self.num_nodes)


def pair_codes(pairs: Edges, num_nodes: int) -> Ids:
    """(n,) sorted numbers row · N + col of pairs (n, 2) with row < col."""
    return np.sort(pairs @ np.array([num_nodes, 1]))


def non_edges(edges: Edges, num_nodes: int, count: int, rng: np.random.Generator) -> Edges:
    """(count, 2) distinct random pairs with row < col that are not among ``edges``.

    Raises:
        UsageError: The graph has fewer non-edges than asked for.
    """
    return draw_non_edges(pair_codes(edges, num_nodes), num_nodes, count, rng)


def draw_non_edges(known: Ids, num_nodes: int, count: int, rng: np.random.Generator) -> Edges:
    """As `non_edges`, with the edges as their sorted `pair_codes`."""
    if count > num_nodes * (num_nodes - 1) // 2 - len(known):
        raise UsageError(f"the graph has fewer than {count} pairs without an edge")
    found = np.empty(0, np.int64)
    while len(found) < count:
        some = count - len(found)
        first, second = rng.integers(num_nodes, size=(2, some + some // 16 + 8))
        differ = first != second
        rows, columns = np.minimum(first, second), np.maximum(first, second)
        codes = (rows * num_nodes + columns)[differ]
        fresh = np.concatenate([found, codes[~is_among(codes, known)]])
        # np.unique sorts; keeping the order of the draw keeps the pairs exchangeable.
        found = fresh[np.sort(np.unique(fresh, return_index=True)[1])][:count]
    return np.stack(np.divmod(found, num_nodes), axis=1)


def is_among(codes: Ids, known: Ids) -> NDArray[np.bool_]:
    """(n,) whether each number is one of the sorted ``known``."""
    if not len(known):
        return np.zeros(len(codes), bool)
    places = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    found: NDArray[np.bool_] = known[places] == codes
    return found
