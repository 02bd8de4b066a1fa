"""A user's own `torch_geometric.data.Data` as node classes or links."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mu.data.base import Ids
from mu.data.graphs import Edges, NodeData, Weights, check_nodes, undirected_edges
from mu.data.links import LinkData
from mu.errors import UsageError

MASKS = {"train": "train_mask", "validation": "val_mask", "test": "test_mask"}
UNUSED = ("edge_attr", "edge_type")  # what layers read of an edge, and mu has no place for
IGNORABLE = (*UNUSED, "edge_weight", "y")


def refuse_raw_graph(data: Any) -> None:
    """Refuse a graph of torch_geometric where a data set of mu is due.

    Raises:
        UsageError: It is one; the message says what makes a data set of it.
    """
    if any(kind.__module__.startswith("torch_geometric.") for kind in type(data).__mro__):
        raise UsageError(
            f"data is a {type(data).__name__} of torch_geometric: hand over "
            "mu.data.pyg.nodes_of(data) to classify nodes, or mu.data.pyg.links_of(data) for links"
        )


def links_of(data: Any, ignore: Sequence[str] = (), **options: Any) -> LinkData:
    """Links of a graph, split as `mu.data.links.LinkData` does.

    Args:
        data: `torch_geometric.data.Data` with ``x`` and ``edge_index`` in both directions, each
            edge once and no self-loops. One ``edge_weight`` an edge, the same in both directions,
            weighs its messages.
        ignore: What of ``edge_attr``, ``edge_type``, ``edge_weight`` and ``y`` is to be left out.
        options: As `mu.data.links.LinkData`.

    Raises:
        UsageError: No such graph: a directed edge list, repeated edges, self-loops, a node out of
            range, features of several values an edge, or features and labels that differ in number.

    Example:
        >>> from torch_geometric.datasets import KarateClub
        >>> links_of(KarateClub()[0], test=0.1).sizes["edges"]
        66
    """
    x, y, edges, weights = _graph(data, ignore)
    return LinkData(x, y, edges, weights=weights, **options)


def nodes_of(data: Any, ignore: Sequence[str] = ()) -> NodeData:
    """Node classes of a graph with masks.

    Args:
        data: As of `links_of`, with ``y`` and ``train_mask``, ``val_mask``, ``test_mask``; a mask
            that is missing is empty. A mask is (N,) booleans or a list of node numbers. Nodes
            without a label have a negative one and are in no mask.
        ignore: As of `links_of`.

    Raises:
        UsageError: As `links_of`; no training mask, or masks that overlap or are none.
    """
    _check_data(data)
    if data.y is None or getattr(data, "train_mask", None) is None:
        raise UsageError("node classes need labels y and a train_mask")
    x, y, edges, weights = _graph(data, ignore)
    parts = {
        part: ids_of_mask(getattr(data, name, None), len(y), name) for part, name in MASKS.items()
    }
    if not len(parts["train"]):
        raise UsageError("train_mask names no node: there is nothing to train on")
    return NodeData(x, y, edges, parts, weights)


def ids_of_mask(mask: Any, size: int, name: str) -> Ids:
    """The nodes of a mask, or of a list of node numbers; none of None.

    Args:
        mask: (N,) booleans, or (n,) node numbers.
        size: N.
        name: Of the mask.

    Raises:
        UsageError: It is neither, or could be either.

    Example:
        >>> ids_of_mask(torch.tensor([True, False, True]), 3, "train_mask").tolist()
        [0, 2]
        >>> ids_of_mask(torch.tensor([2, 0]), 3, "train_mask").tolist()
        [2, 0]
    """
    if mask is None:
        return np.empty(0, np.int64)
    found = _array(mask)
    if found.ndim != 1:
        column = f"; one split is a column: data.{name} = data.{name}[:, 0]"
        raise UsageError(
            f"{name} has shape {found.shape}, not ({size},){column if found.ndim == 2 else ''}"
        )
    if found.dtype == bool:
        if len(found) != size:
            raise UsageError(f"{name} has {len(found)} booleans for {size} nodes")
        return np.flatnonzero(found)
    if not np.issubdtype(found.dtype, np.integer):
        raise UsageError(f"{name} is of type {found.dtype}: a mask is boolean, data.{name}.bool()")
    if len(found) == size and ((found == 0) | (found == 1)).all():
        raise UsageError(
            f"{name} holds {size} integers 0 and 1, which may be a mask or node numbers: "
            f"data.{name}.bool() is a mask"
        )
    ids: Ids = found.astype(np.int64)
    check_nodes(ids, size)
    return ids


def _array(values: Any) -> NDArray[Any]:
    """A tensor, array or list as an array."""
    if isinstance(values, Tensor):
        return values.detach().cpu().numpy()
    return np.asarray(values)


def _check_data(data: Any) -> None:
    """Refuse what is no graph with one kind of nodes and edges."""
    from torch_geometric.data import Data, Dataset, HeteroData

    if isinstance(data, HeteroData):
        raise UsageError(
            "a HeteroData has several kinds of nodes or edges, and mu serves one of each: "
            "data.to_homogeneous() makes a Data of it"
        )
    if not isinstance(data, Data):
        way = ": take its graph, dataset[0]" if isinstance(data, Dataset) else ""
        raise UsageError(f"a torch_geometric.data.Data is due, not {type(data).__name__}{way}")


def _graph(data: Any, ignore: Sequence[str] = ()) -> tuple[Tensor, Tensor, Edges, Weights | None]:
    """Features, labels (zeros where there are none), edges and their weights."""
    _check_data(data)
    if data.x is None or data.edge_index is None:
        raise UsageError("the data need node features x and an edge_index with both directions")
    if isinstance(ignore, str) or (unknown := sorted(set(ignore) - set(IGNORABLE))):
        named = ignore if isinstance(ignore, str) else unknown[0]
        raise UsageError(f"ignore={named!r}: a list of {', '.join(IGNORABLE)} is due")
    _refuse_unused(data, ignore)
    x, edge_index = _features(data.x), _columns(data.edge_index)
    if not bool(torch.isfinite(x if x.layout == torch.strided else x.values()).all()):
        raise UsageError("the node features x hold values that are not finite numbers")
    size = len(x)
    edges = undirected_edges(edge_index, size)
    _refuse_extra_columns(edge_index, edges, size)
    labels = None if "y" in ignore else data.y
    y = torch.zeros(size, dtype=torch.int64) if labels is None else _labels(labels, size)
    weight = None if "edge_weight" in ignore else getattr(data, "edge_weight", None)
    if weight is None:
        return x, y, edges, None
    return x, y, edges, _weights(_array(weight), edge_index, edges, size)


def _refuse_unused(data: Any, ignore: Sequence[str]) -> None:
    """Refuse what layers may read of an edge and mu does not keep, unless it is to be ignored."""
    for name in UNUSED:
        if getattr(data, name, None) is not None and name not in ignore:
            raise UsageError(
                f"the graph has {name} of shape {tuple(getattr(data, name).shape)}, which would be "
                "lost: mu serves one weight an edge, data.edge_weight of shape (m,); "
                f'ignore=["{name}"] leaves it out'
            )


def _columns(edge_index: Any) -> NDArray[np.int64]:
    """(2, m) node numbers of an edge list."""
    found = _array(edge_index)
    if found.ndim != 2 or len(found) != 2 or not np.issubdtype(found.dtype, np.integer):
        raise UsageError(
            f"edge_index is {found.dtype} of shape {found.shape}; (2, m) node numbers are due"
        )
    return found.astype(np.int64)


def _features(x: Any) -> Tensor:
    """(N, f) features on the CPU, dense or sparse CSR."""
    if not isinstance(x, Tensor) or x.dim() != 2 or not x.is_floating_point():
        kind = f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise UsageError(f"features x are {kind}; (N, f) floating numbers are due: data.x.float()")
    found: Tensor = x.detach().cpu()
    return found if found.layout == torch.strided else found.to_sparse_csr()


def _labels(y: Any, size: int) -> Tensor:
    """(N,) int64 labels."""
    found = torch.as_tensor(y).detach().cpu()
    found = found.flatten() if found.shape == (size, 1) else found
    if found.shape != (size,) or found.is_floating_point() or found.is_complex():
        raise UsageError(
            f"labels y are {found.dtype} of shape {tuple(found.shape)}; one integer for each of "
            f'the {size} nodes is due; for links that need none, ignore=["y"]'
        )
    return found.long()


def _refuse_extra_columns(edge_index: NDArray[Any], edges: Edges, size: int) -> None:
    """Refuse self-loops and repeated edges, which change what layers compute."""
    loops = edge_index[0] == edge_index[1]
    if loops.any():
        raise UsageError(
            f"edge_index has self-loops, {int(loops.sum())} of them, the first at node "
            f"{edge_index[0][loops][0]}; mu keeps none: "
            "torch_geometric.utils.remove_self_loops(edge_index, edge_weight) takes them out"
        )
    if edge_index.shape[1] > 2 * len(edges):
        codes, counts = np.unique(edge_index[0] * size + edge_index[1], return_counts=True)
        u, v = divmod(int(codes[counts > 1][0]), size)
        raise UsageError(
            f"edge_index has repeated edges, such as {u} → {v}: "
            "torch_geometric.utils.coalesce(edge_index, edge_weight) makes one of each"
        )


def _weights(weight: NDArray[Any], edge_index: NDArray[Any], edges: Edges, size: int) -> Weights:
    """(E,) weights of the edges, from those of an edge list in both directions."""
    if weight.shape != (edge_index.shape[1],):
        raise UsageError(
            f"edge_weight has shape {weight.shape}; one number for each of the "
            f"{edge_index.shape[1]} columns of edge_index is due: data.edge_weight.flatten() of "
            "one column"
        )
    if weight.dtype != np.float64:
        weight = weight.astype(np.float32)
    codes = edge_index[0] * size + edge_index[1]
    order = np.argsort(codes)

    def of(pairs: Edges) -> Weights:
        found: Weights = weight[order[np.searchsorted(codes[order], pairs @ [size, 1])]]
        return found

    there, back = of(edges), of(edges[:, ::-1])
    differ = np.flatnonzero(~np.isclose(there, back, rtol=1e-6, atol=0, equal_nan=True))
    if len(differ):
        (u, v), one = edges[differ[0]], differ[0]
        raise UsageError(
            f"the edge ({u}, {v}) weighs {there[one]:g} in one direction and {back[one]:g} in the "
            "other: torch_geometric.utils.to_undirected(edge_index, edge_weight, reduce='mean') "
            "makes them one"
        )
    return there
