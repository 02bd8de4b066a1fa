"""Graph data sets: node classes and links on one undirected graph."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mu.data.base import Batch, Batches, Data, Ids, Kept, View
from mu.errors import UsageError


@dataclass
class GraphInput:
    """What a graph model takes: a view of the graph and what is asked of it.

    Attributes:
        features: (N, f) node features.
        adjacency: (N, N) symmetric sparse CSR matrix of ones, without self-loops.
        nodes: (n,) nodes to classify, or None.
        pairs: (2, n) node pairs to score, or None.
    """

    features: Tensor
    adjacency: Tensor
    nodes: Tensor | None = None
    pairs: Tensor | None = None

    def to(self, device: torch.device | str, **options: Any) -> "GraphInput":
        """Copy on another device."""
        moved = {k: v.to(device) for k, v in vars(self).items() if v is not None}
        return replace(self, **moved)


def adjacency(edges: NDArray[np.int64], num_nodes: int) -> Tensor:
    """(N, N) CSR matrix with both directions of each edge of ``edges`` (E, 2)."""
    both = np.concatenate([edges, edges[:, ::-1]])
    with_both = torch.sparse_coo_tensor(
        torch.from_numpy(both.T.copy()), torch.ones(len(both)), (num_nodes, num_nodes)
    )
    return with_both.coalesce().to_sparse_csr()


class GraphData(Data):
    """An undirected graph with node features and labels.

    Element kinds: ``edges`` (ids into ``edges``), ``nodes`` (the node loses its edges and its
    samples leave training) and ``features`` (the node's features become zero; every id stays).

    Args:
        x: (N, f) node features.
        y: (N,) node classes.
        edges: (E, 2) edges with row < col that messages pass along, sorted.
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"edges", "nodes", "features"})

    def __init__(self, x: Tensor, y: Tensor, edges: NDArray[np.int64]) -> None:
        super().__init__()
        self.x, self.y, self.edges = x, y, edges
        self.sizes = {"edges": len(edges), "nodes": len(x), "features": len(x)}
        self.model_facts = {"in_features": x.shape[1]}
        self._graph = lru_cache(maxsize=4)(self._build_graph)

    def fingerprint(self) -> str:
        value = blake2b(digest_size=16)
        arrays = (self.x.numpy(), self.y.numpy(), self.edges, *self.parts.values())
        for array in arrays:
            value.update(str((array.dtype, array.shape)).encode())
            value.update(np.ascontiguousarray(array).data)
        return value.hexdigest()

    def incident(self, nodes: Ids) -> Ids:
        """Ids of the edges with an end point among ``nodes``."""
        return np.flatnonzero(np.isin(self.edges, nodes).any(axis=1))

    def view_without(self, removed: Mapping[str, Ids]) -> View:
        """The retained graph: fewer edges, or features that are gone."""
        nodes = removed.get("nodes", np.empty(0, np.int64))
        edges = np.union1d(removed.get("edges", np.empty(0, np.int64)), self.incident(nodes))
        found = {"edges": edges, "features": np.unique(removed.get("features", []))}
        return View({k: tuple(int(i) for i in v) for k, v in found.items() if len(v)})

    def graph(self, view: View | None) -> GraphInput:
        """Features and adjacency as seen through a view, nothing asked yet."""
        removed = (view or View()).removed
        return self._graph(removed.get("edges", ()), removed.get("features", ()))

    def _build_graph(self, edges: tuple[int, ...], features: tuple[int, ...]) -> GraphInput:
        kept = np.delete(self.edges, np.asarray(edges, np.int64), axis=0)
        x = self.x
        if features:
            x = x.clone()
            x[list(features)] = 0
        return GraphInput(x, adjacency(kept, len(x)))

    def element_labels(self, kind: str, level: str | None = None) -> NDArray[Any] | None:
        labels = self.y.numpy() if level is None else self.labelling(level)
        return None if kind == "edges" else labels


class NodeData(GraphData):
    """Node classification: a sample is a node, its id is the node's number."""

    def __init__(
        self, x: Tensor, y: Tensor, edges: NDArray[np.int64], parts: dict[str, Ids]
    ) -> None:
        super().__init__(x, y, edges)
        self.parts = {name: np.sort(ids).astype(np.int64) for name, ids in parts.items()}
        self.model_facts["out_features"] = int(y.max()) + 1

    def elements(self, kind: str) -> Ids:
        # Only training nodes can be forgotten: the others were never trained on.
        every = super().elements(kind)
        return every if kind == "edges" else self.parts["train"]

    def element_labels(self, kind: str, level: str | None = None) -> NDArray[Any] | None:
        labels = super().element_labels(kind, level)
        return None if labels is None else labels[self.elements(kind)]

    def targets(self, ids: Ids) -> NDArray[Any]:
        return self.y.numpy()[ids]

    def without(self, removed: Mapping[str, Ids]) -> Kept:
        ids = np.setdiff1d(self.parts["train"], removed.get("nodes", np.empty(0, np.int64)))
        return Kept(ids, self.view_without(removed))

    def affected(self, kind: str, ids: Ids) -> Ids:
        nodes = self.edges[ids].ravel() if kind == "edges" else ids
        return np.intersect1d(nodes, self.parts["train"])

    def loader(
        self,
        ids: Ids,
        view: View | None = None,
        *,
        batch_size: int | None = None,
        train: bool = False,
        seed: int = 0,
        augment: str | None = None,
    ) -> Batches:
        size = max(len(ids), 1) if train or batch_size is None else batch_size

        def make(epoch: int) -> Iterator[Batch]:
            graph = self.graph(view)
            for start in range(0, len(ids), size):
                nodes = torch.from_numpy(ids[start : start + size])
                yield Batch(replace(graph, nodes=nodes), self.y[nodes], nodes, units=1)

        return Batches(make, -(-len(ids) // size), len(ids))


class LinkData(GraphData):
    """Link prediction: a sample is a pair of nodes, with or without an edge.

    Ids in this order: training edges, validation positives and negatives, test positives and
    negatives.
    Evaluation negatives exclude every edge of the full graph. Training negatives are drawn per
    (seed, epoch) from the non-edges of the view trained on, as many as positives; their index
    is −1.

    Args:
        x: (N, f) node features.
        y: (N,) node classes.
        edges: (E, 2) all edges, row < col.
        validation, test: Shares of the edges held out.
        split_seed: Seed of the split and of the evaluation negatives.
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        edges: NDArray[np.int64],
        validation: float = 0.05,
        test: float = 0.05,
        split_seed: int = 0,
    ) -> None:
        if not (validation > 0 and test > 0 and validation + test < 1):
            raise UsageError(
                f"shares validation={validation}, test={test} must be positive and leave a rest"
            )
        rng = np.random.default_rng(split_seed)
        order = rng.permutation(len(edges))
        n_validation, n_test = round(validation * len(edges)), round(test * len(edges))
        held = [order[:n_validation], order[n_validation : n_validation + n_test]]
        trained = np.sort(order[n_validation + n_test :])
        negatives = non_edges(edges, len(x), n_validation + n_test, rng)
        super().__init__(x, y, edges[trained])
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
        return np.sort(ids) if kind == "edges" else self.incident(ids)

    def loader(
        self,
        ids: Ids,
        view: View | None = None,
        *,
        batch_size: int | None = None,
        train: bool = False,
        seed: int = 0,
        augment: str | None = None,
    ) -> Batches:
        size = max(len(ids), 1) if train or batch_size is None else batch_size

        def make(epoch: int) -> Iterator[Batch]:
            graph = self.graph(view)
            for start in range(0, len(ids), size):
                part = ids[start : start + size]
                pairs, labels, index = self.pairs[part], self.pair_labels[part], part
                if train:
                    drawn = self._training_negatives(view, len(part), seed, epoch)
                    pairs = np.concatenate([pairs, drawn])
                    labels = np.concatenate([labels, np.zeros(len(drawn), np.int64)])
                    index = np.concatenate([index, np.full(len(drawn), -1)])
                asked = replace(graph, pairs=torch.from_numpy(pairs.T.copy()))
                yield Batch(asked, torch.from_numpy(labels), torch.from_numpy(index), units=1)

        return Batches(make, -(-len(ids) // size), len(ids))

    def _training_negatives(
        self, view: View | None, count: int, seed: int, epoch: int
    ) -> NDArray[np.int64]:
        removed = (view or View()).removed.get("edges", ())
        edges = np.delete(self.edges, np.asarray(removed, np.int64), axis=0)
        rng = np.random.default_rng([seed & 0xFFFFFFFF, epoch, 2])
        return non_edges(edges, len(self.x), count, rng)


def non_edges(
    edges: NDArray[np.int64], num_nodes: int, count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """(count, 2) distinct random pairs with row < col that are not among ``edges``.

    Raises:
        UsageError: The graph has fewer non-edges than asked for.
    """
    if count > num_nodes * (num_nodes - 1) // 2 - len(edges):
        raise UsageError(f"the graph has fewer than {count} pairs without an edge")
    known = np.sort(edges[:, 0] * num_nodes + edges[:, 1])
    found = np.empty(0, np.int64)
    while len(found) < count:
        pairs = np.sort(rng.integers(num_nodes, size=(2 * (count - len(found)) + 8, 2)), axis=1)
        codes = pairs[pairs[:, 0] < pairs[:, 1]] @ np.array([num_nodes, 1])
        fresh = np.concatenate([found, codes[~np.isin(codes, known)]])
        # np.unique sorts; keeping the order of the draw keeps the pairs exchangeable.
        found = fresh[np.sort(np.unique(fresh, return_index=True)[1])][:count]
    return np.stack(np.divmod(found, num_nodes), axis=1)


def _digits_graph(neighbours: int) -> tuple[Tensor, Tensor, NDArray[np.int64]]:
    from sklearn.datasets import load_digits
    from sklearn.neighbors import kneighbors_graph

    x, y = load_digits(return_X_y=True)
    directed = kneighbors_graph(x, neighbours).tocoo()
    pairs = np.sort(np.stack([directed.row, directed.col], axis=1).astype(np.int64), axis=1)
    features = torch.tensor(x / 16.0, dtype=torch.float32)
    return features, torch.tensor(y, dtype=torch.int64), np.unique(pairs, axis=0)


class DigitsNodes(NodeData):
    """Node classes on the k-nearest-neighbour graph of scikit-learn's digits."""

    def __init__(
        self, neighbours: int = 5, validation: float = 0.1, test: float = 0.3, split_seed: int = 0
    ) -> None:
        x, y, edges = _digits_graph(neighbours)
        order = np.random.default_rng(split_seed).permutation(len(x))
        first, second = round(validation * len(x)), round((validation + test) * len(x))
        parts = {"validation": order[:first], "test": order[first:second], "train": order[second:]}
        super().__init__(x, y, edges, parts)


class DigitsLinks(LinkData):
    """Links of the k-nearest-neighbour graph of scikit-learn's digits."""

    def __init__(
        self, neighbours: int = 5, validation: float = 0.05, test: float = 0.05, split_seed: int = 0
    ) -> None:
        x, y, edges = _digits_graph(neighbours)
        super().__init__(x, y, edges, validation, test, split_seed)
