"""Undirected graphs with features: what models see of them, and node classes."""

import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mu.data.base import Batch, Data, Ids, Kept, Reading, View, check_parts, named_in
from mu.data.split import check_shares
from mu.errors import UsageError

Edges = NDArray[np.int64]
Weights = NDArray[np.floating[Any]]
Made = TypeVar("Made")


@dataclass
class GraphInput:
    """What a graph model takes: a view of the graph and what is asked of it.

    Attributes:
        features: (N, f) node features, dense or sparse CSR.
        adjacency: (N, N) symmetric sparse CSR matrix without self-loops: the weights of the edges,
            ones where they have none.
        nodes: (n,) nodes to classify, or None.
        pairs: (2, n) node pairs to score, or None.
        made: What models derived of this view, such as a normalised adjacency; shared by all
            inputs that `dataclasses.replace` makes of this one by asking something else.
        weighted: Whether edges have weights.
    """

    features: Tensor
    adjacency: Tensor
    nodes: Tensor | None = None
    pairs: Tensor | None = None
    made: dict[Hashable, Any] = field(default_factory=dict, repr=False)
    weighted: bool = False

    def once(self, name: Hashable, make: Callable[[], Made]) -> Made:
        """What ``make`` returns, computed at the first call under this name for this view."""
        what = (self.features, self.adjacency)
        known = self.made.get("of", what)
        if not all(one is other for one, other in zip(known, what, strict=True)):
            self.made = {}  # the features or edges were replaced
        self.made["of"] = what
        if name not in self.made:
            # What is made while predicting must also serve training.
            with torch.inference_mode(False), torch.no_grad():
                self.made[name] = make()
        found: Made = self.made[name]
        return found

    def to(self, device: torch.device | str, **options: Any) -> "GraphInput":
        """The input on a device; itself where it is there already."""
        if self.adjacency.device == torch.empty(0, device=device).device:
            return self
        tensors: dict[str, Any] = {
            k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)
        }
        return replace(self, made={}, **tensors)


def adjacency(edges: Edges, num_nodes: int, weights: Weights | None = None) -> Tensor:
    """(N, N) CSR matrix with both directions of each edge of ``edges`` (E, 2).

    Its values are the (E,) ``weights``, or ones.
    """
    from scipy.sparse import coo_matrix

    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    values = np.ones(len(rows), np.float32) if weights is None else np.tile(weights, 2)
    found = coo_matrix((values, (rows, columns)), (num_nodes, num_nodes)).tocsr()
    return csr_tensor(found)


def weights_of(x: GraphInput, edges: Edges) -> Weights | None:
    """(E,) weights of edges (E, 2) of a view, or None where its edges have none."""
    if not x.weighted:
        return None
    found: Weights = np.asarray(scipy_csr(x.adjacency)[edges[:, 0], edges[:, 1]]).ravel()
    return found


def csr_tensor(matrix: Any) -> Tensor:
    """A sparse CSR tensor from a SciPy matrix."""
    columns = torch.from_numpy(matrix.indices.astype(np.int64))
    starts = torch.from_numpy(matrix.indptr.astype(np.int64))
    values, shape = torch.from_numpy(matrix.data), matrix.shape
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(starts, columns, values, shape, check_invariants=False)


def scipy_csr(matrix: Tensor) -> Any:
    """A SciPy CSR matrix that shares the memory of a sparse CSR tensor on the CPU."""
    from scipy.sparse import csr_matrix

    parts = (matrix.values(), matrix.col_indices(), matrix.crow_indices())
    return csr_matrix(tuple(part.numpy() for part in parts), tuple(matrix.shape))


def undirected_edges(edge_index: Tensor | Edges, num_nodes: int) -> Edges:
    """(E, 2) sorted edges with row < col of an edge list with both directions.

    Self-loops are dropped and repeated columns count once.

    Args:
        edge_index: (2, m) node numbers, each edge in both directions.
        num_nodes: N.

    Raises:
        UsageError: A node is out of range, or an edge is given in one direction only.

    Example:
        >>> undirected_edges(np.array([[2, 0, 1, 1], [0, 2, 1, 1]]), 3)
        array([[0, 2]])
    """
    pairs = np.asarray(edge_index).T.astype(np.int64)
    if pairs.ndim != 2 or (pairs.size and pairs.shape[1] != 2):
        raise UsageError(f"edge_index has shape {np.asarray(edge_index).shape}, not (2, m)")
    check_nodes(pairs, num_nodes)
    codes = np.unique(pairs[pairs[:, 0] != pairs[:, 1]] @ np.array([num_nodes, 1]))
    rows, columns = np.divmod(codes, num_nodes)
    missing = np.setdiff1d(codes, columns * num_nodes + rows, assume_unique=True)
    if len(missing):
        u, v = divmod(int(missing[0]), num_nodes)
        raise UsageError(
            f"the graph is directed: it has the edge {u} → {v} and not {v} → {u} "
            f"({len(missing)} such); torch_geometric.utils.to_undirected adds what is missing"
        )
    up = rows < columns
    return np.stack([rows[up], columns[up]], axis=1)


def check_nodes(nodes: Edges, num_nodes: int) -> None:
    """Refuse node numbers outside 0 … N − 1.

    Raises:
        UsageError: Naming the first.
    """
    outside = nodes[(nodes < 0) | (nodes >= num_nodes)]
    if outside.size:
        raise UsageError(f"node {outside[0]} is not there: the nodes are 0 to {num_nodes - 1}")


def neighbourhood(columns: Edges, nodes: Ids, hops: int, num_nodes: int) -> NDArray[np.bool_]:
    """(N,) which nodes are at most ``hops`` steps from some nodes.

    A step goes from the second to the first node of a column, so a list with both directions is
    walked both ways.

    Args:
        columns: (2, m) edges.
        nodes: (n,) where the walks start.
        hops: Number of steps.
        num_nodes: N.

    Example:
        >>> neighbourhood(np.array([[0, 1], [1, 2]]), np.array([2]), 1, 4).tolist()
        [False, True, True, False]
    """
    inside = np.zeros(num_nodes, bool)
    inside[nodes] = True
    for _ in range(hops):
        inside[columns[0][inside[columns[1]]]] = True
    return inside


class GraphData(Data):
    """An undirected graph with node features and labels.

    Element kinds: ``edges`` (ids into ``edges``), ``nodes`` (the node loses its edges and its
    samples leave training) and ``features`` (the node's features become zero; every id stays). The
    class of an edge is that of its end points where they agree, and −1 where they do not.

    Args:
        x: (N, f) node features, dense or sparse CSR.
        y: (N,) node classes.
        edges: (E, 2) edges with row < col that messages pass along, sorted.
        weights: (E,) their positive weights, or None.

    Raises:
        UsageError: Lengths differ, a node is out of range, a weight is not positive, or the edges
            are not sorted pairs with row < col (`undirected_edges` makes them).
    """

    kinds: ClassVar[frozenset[str]] = frozenset({"edges", "nodes", "features"})
    trains_whole: ClassVar[bool] = True

    def __init__(self, x: Tensor, y: Tensor, edges: Edges, weights: Weights | None = None) -> None:
        super().__init__()
        if x.shape[0] != len(y):
            raise UsageError(f"{x.shape[0]} rows of features and {len(y)} labels: one for a node")
        check_edges(edges, len(y))
        if weights is not None:
            check_edge_weights(weights, edges)
        self.x, self.y, self.edges, self.weights = x, y, edges, weights
        self.num_nodes = len(y)
        self.sizes = {"edges": len(edges), "nodes": len(y), "features": len(y)}
        self.model_facts = {"in_features": x.shape[1], "num_nodes": len(y)}
        self._graph = lru_cache(maxsize=4)(self._build_graph)

    def fingerprint(self) -> str:
        value = blake2b(digest_size=16)
        x = self.x
        features = [x] if x.layout == torch.strided else [x.crow_indices(), x.col_indices()]
        if x.layout != torch.strided:
            features.append(x.values())
        arrays = [*(f.numpy() for f in features), self.y.numpy(), self.edges, *self.parts.values()]
        if self.weights is not None:
            arrays.append(self.weights)
        for array in arrays:
            value.update(str((array.dtype, array.shape)).encode())
            value.update(np.ascontiguousarray(array).data)
        return value.hexdigest()

    def incident(self, nodes: Ids) -> Ids:
        """Ids of the edges with an end point among ``nodes``."""
        named = np.zeros(self.num_nodes, bool)
        named[nodes] = True
        found: Ids = np.flatnonzero(named[self.edges].any(axis=1))
        return found

    def edge_ids(self, pairs: Edges) -> Ids:
        """(n,) ids of trained edges named by their end points, in either direction.

        Args:
            pairs: (n, 2) nodes, or (2, n) as in an ``edge_index``; (2, 2) are two rows.

        Raises:
            UsageError: No pairs, a node that is out of range, or a pair that is no trained edge.
        """
        pairs = np.asarray(pairs)
        if pairs.ndim == 2 and pairs.shape[1] != 2 and len(pairs) == 2:
            pairs = pairs.T
        if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.issubdtype(pairs.dtype, np.integer):
            raise UsageError(
                f"pairs of shape {pairs.shape} and type {pairs.dtype}: (n, 2) or (2, n) node "
                "numbers are due"
            )
        check_nodes(pairs, self.num_nodes)
        if not len(self.edges):
            raise UsageError("the graph has no trained edges")
        base = np.array([self.num_nodes, 1])
        known, wanted = self.edges @ base, np.sort(pairs, axis=1) @ base
        places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        wrong = np.flatnonzero(known[places] != wanted)
        if len(wrong):
            u, v = pairs[wrong[0]]
            raise UsageError(f"there is no trained edge between nodes {u} and {v}")
        found: Ids = places.astype(np.int64)
        return found

    def view_without(self, removed: Mapping[str, Ids]) -> View:
        """The retained graph: fewer edges, or features that are gone."""
        edges = np.union1d(named_in(removed, "edges"), self.incident(named_in(removed, "nodes")))
        found = {"edges": edges, "features": np.unique(named_in(removed, "features"))}
        return View({k: tuple(int(i) for i in v) for k, v in found.items() if len(v)})

    def graph(self, view: View | None) -> GraphInput:
        """Features and adjacency as seen through a view, nothing asked yet."""
        removed = (view or View()).removed
        return self._graph(removed.get("edges", ()), removed.get("features", ()))

    def edges_of(self, view: View | None) -> Edges:
        """(E', 2) edges of a view."""
        removed = (view or View()).removed.get("edges", ())
        if not removed:
            return self.edges
        return np.delete(self.edges, np.asarray(removed, np.int64), axis=0)

    def _build_graph(self, edges: tuple[int, ...], features: tuple[int, ...]) -> GraphInput:
        weights = self.weights
        if weights is not None:
            weights = np.delete(weights, np.asarray(edges, np.int64))
        with torch.inference_mode(False):
            x = without_rows(self.x, list(features)) if features else self.x
            left = self.edges_of(View({"edges": edges}))
            matrix = adjacency(left, self.num_nodes, weights)
            return GraphInput(x, matrix, weighted=weights is not None)

    def element_names(self, kind: str, ids: Ids) -> list[str] | None:
        """End points of edges."""
        return [f"{u} {v}" for u, v in self.edges[ids]] if kind == "edges" else None

    def element_labels(self, kind: str, level: str | None = None) -> NDArray[Any] | None:
        labels = self.y.numpy() if level is None else self.labelling(level)
        if kind != "edges":
            return labels
        first, second = labels[self.edges].T
        return np.where(first == second, first, -1)


def check_edges(edges: Edges, num_nodes: int) -> None:
    """Refuse edges that are not sorted, distinct pairs (row < col) of known nodes.

    Raises:
        UsageError: Naming the first pair that is wrong.
    """
    if edges.ndim != 2 or edges.shape[1] != 2:
        raise UsageError(f"edges have shape {edges.shape}, not (E, 2)")
    check_nodes(edges, num_nodes)
    rising = np.diff(edges @ np.array([num_nodes, 1])) > 0
    wrong = edges[:, 0] >= edges[:, 1]
    wrong[1:] |= ~rising
    if wrong.any():
        u, v = edges[wrong][0]
        raise UsageError(
            f"edge ({u}, {v}) is not in its place: edges are distinct, sorted pairs with "
            "row < col; mu.data.graphs.undirected_edges makes them from an edge_index"
        )


def check_edge_weights(weights: Weights, edges: Edges) -> None:
    """Refuse weights that are not one positive number an edge.

    Raises:
        UsageError: Naming the first that is wrong.
    """
    if weights.shape != (len(edges),):
        raise UsageError(f"{len(edges)} edges have weights of shape {weights.shape}, not one each")
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights > 0)))
    if len(wrong):
        u, v = edges[wrong[0]]
        raise UsageError(
            f"the edge ({u}, {v}) has the weight {weights[wrong[0]]}: weights are positive, finite "
            "numbers; leave out an edge that weighs nothing"
        )


def without_rows(x: Tensor, rows: list[int]) -> Tensor:
    """Features in which some rows are zero; the tensor given is not changed."""
    if x.layout == torch.strided:
        found = x.clone()
        found[rows] = 0
        return found
    matrix = scipy_csr(x).copy()
    kept = np.ones(matrix.shape[0], matrix.dtype)
    kept[rows] = 0
    matrix.data *= np.repeat(kept, np.diff(matrix.indptr))
    matrix.eliminate_zeros()
    return csr_tensor(matrix)


class NodeData(GraphData):
    """Node classification: a sample is a node, its id is the node's number.

    Args:
        x: (N, f) node features, dense or sparse CSR.
        y: (N,) node classes.
        edges: (E, 2) edges with row < col, sorted.
        parts: ``train``, ``validation`` and ``test`` → nodes.
        weights: (E,) positive weights of the edges, or None.

    Raises:
        UsageError: As `GraphData`; also parts that share nodes, or name one that is not there or
            has no label (a negative one).
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        edges: Edges,
        parts: dict[str, Ids],
        weights: Weights | None = None,
    ) -> None:
        super().__init__(x, y, edges, weights)
        self.parts = {name: np.sort(ids).astype(np.int64) for name, ids in parts.items()}
        check_parts(self.parts, len(y))
        check_labelled(y.numpy(), self.parts)
        self.model_facts["out_features"] = int(y.max()) + 1

    def elements(self, kind: str) -> Ids:
        # Selectors draw training nodes: the others were never trained on.
        every = super().elements(kind)
        return every if kind == "edges" else self.parts["train"]

    def nameable(self, kind: str) -> Ids:
        """Any node may be asked to leave, labelled or not; features only of training nodes."""
        return np.arange(self.num_nodes) if kind == "nodes" else self.elements(kind)

    def element_labels(self, kind: str, level: str | None = None) -> NDArray[Any] | None:
        labels = super().element_labels(kind, level)
        return labels if labels is None or kind == "edges" else labels[self.elements(kind)]

    def targets(self, ids: Ids) -> NDArray[Any]:
        return self.y.numpy()[ids]

    def without(self, removed: Mapping[str, Ids]) -> Kept:
        ids = np.setdiff1d(self.parts["train"], named_in(removed, "nodes"))
        return Kept(ids, self.view_without(removed))

    def affected(self, kind: str, ids: Ids) -> Ids:
        """Trained nodes: those named, or at an end of the edges named.

        For a node that was never trained on they are its neighbours: its edges, and its features
        through them, are all that training saw of it.
        """
        ids = named_in({kind: ids}, kind)
        if kind == "nodes":
            untrained = np.setdiff1d(ids, self.parts["train"])
            ids = np.union1d(ids, self.edges[self.incident(untrained)].ravel())
        nodes = self.edges[ids].ravel() if kind == "edges" else ids
        return np.intersect1d(nodes, self.parts["train"])

    def outside(self, kind: str, ids: Ids) -> Ids:
        """Nodes of the other parts, and of none, labelled or not."""
        nodes = named_in({kind: ids}, "nodes")
        return np.setdiff1d(nodes, self.parts["train"])

    def unasked(self, removed: Mapping[str, Ids]) -> Ids:
        """Held-out nodes that are gone."""
        return np.setdiff1d(named_in(removed, "nodes"), self.parts["train"])

    def read_batches(self, ids: Ids, view: View | None, how: Reading) -> Iterator[Batch]:
        graph = self.graph(view)
        for start in range(0, len(ids), how.batch_size):
            nodes = torch.from_numpy(ids[start : start + how.batch_size])
            yield Batch(replace(graph, nodes=nodes), self.y[nodes], nodes, units=1)


def check_labelled(labels: NDArray[Any], parts: Mapping[str, Ids]) -> None:
    """Refuse parts that hold a node without a label, whose class is negative.

    Raises:
        UsageError: Naming the first.
    """
    for part, ids in parts.items():
        wrong = ids[labels[ids] < 0]
        if len(wrong):
            raise UsageError(
                f"node {wrong[0]} of the {part} part has the label {labels[wrong[0]]}: nodes "
                "without a label belong to no part; take them out of its mask"
            )


def random_nodes(
    count: int, validation: float = 0.1, test: float = 0.3, split_seed: int = 0
) -> dict[str, Ids]:
    """Part → nodes of a random split.

    Raises:
        UsageError: The shares leave nothing to train on.
    """
    check_shares(validation=validation, test=test)
    order = np.random.default_rng(split_seed).permutation(count)
    first, second = round(validation * count), round((validation + test) * count)
    return {"validation": order[:first], "test": order[first:second], "train": order[second:]}
