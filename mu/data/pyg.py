"""A user's own `torch_geometric.data.Data` as node classes or links."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mu.data.base import Ids
from mu.data.graphs import Edges, NodeData, undirected_edges
from mu.data.links import LinkData
from mu.errors import UsageError

MASKS = {"train": "train_mask", "validation": "val_mask", "test": "test_mask"}


def _graph(data: Any) -> tuple[Tensor, Tensor, Edges]:
    """Features, labels (zeros where there are none) and edges."""
    if data.x is None or data.edge_index is None:
        raise UsageError("the data need node features x and an edge_index with both directions")
    size = len(data.x)
    labels = torch.zeros(size, dtype=torch.int64) if data.y is None else data.y.flatten()
    x = data.x if data.x.layout != torch.sparse_coo else data.x.to_sparse_csr()
    return x, labels, undirected_edges(data.edge_index.cpu(), size)


def links_of(data: Any, **options: Any) -> LinkData:
    """Links of a graph, split as `mu.data.links.LinkData` does.

    Args:
        data: `torch_geometric.data.Data` with ``x`` and ``edge_index`` in both directions.
        options: As `mu.data.links.LinkData`.

    Raises:
        UsageError: A directed edge list, a node out of range, or features and labels that differ
            in number.

    Example:
        >>> from torch_geometric.datasets import KarateClub
        >>> links_of(KarateClub()[0], test=0.1).sizes["edges"]
        66
    """
    return LinkData(*_graph(data), **options)


def nodes_of(data: Any) -> NodeData:
    """Node classes of a graph with masks.

    Args:
        data: `torch_geometric.data.Data` with ``x``, ``y``, ``edge_index`` in both directions and
            ``train_mask``, ``val_mask``, ``test_mask``; a mask that is missing is empty.

    Raises:
        UsageError: As `links_of`; no training mask, or masks that overlap.
    """
    if data.y is None or getattr(data, "train_mask", None) is None:
        raise UsageError("node classes need labels y and a train_mask")
    nobody = torch.zeros(len(data.y), dtype=torch.bool)
    masks = {part: getattr(data, name, None) for part, name in MASKS.items()}
    parts: dict[str, Ids] = {
        part: np.flatnonzero((nobody if mask is None else mask).cpu().numpy())
        for part, mask in masks.items()
    }
    return NodeData(*_graph(data), parts)
