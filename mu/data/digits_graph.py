"""The k-nearest-neighbour graph of scikit-learn's digits: node classes and links."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mu.data.graphs import Edges, NodeData, random_nodes
from mu.data.links import LinkData


def digits_graph(neighbours: int) -> tuple[Tensor, Tensor, Edges]:
    """Features (1797, 64) in [0, 1], labels, and edges (row < col) of the symmetrised graph."""
    from sklearn.datasets import load_digits
    from sklearn.neighbors import kneighbors_graph

    x, y = load_digits(return_X_y=True)
    directed = kneighbors_graph(x, neighbours).tocoo()
    pairs = np.sort(np.stack([directed.row, directed.col], axis=1).astype(np.int64), axis=1)
    features = torch.tensor(x / 16.0, dtype=torch.float32)
    return features, torch.tensor(y, dtype=torch.int64), np.unique(pairs, axis=0)


class DigitsNodes(NodeData):
    """Node classes on the k-nearest-neighbour graph of scikit-learn's digits.

    Args:
        neighbours: K.
        shares: As `mu.data.graphs.random_nodes`.
    """

    def __init__(self, neighbours: int = 5, **shares: Any) -> None:
        x, y, edges = digits_graph(neighbours)
        super().__init__(x, y, edges, random_nodes(len(y), **shares))


class DigitsLinks(LinkData):
    """Links of the k-nearest-neighbour graph of scikit-learn's digits.

    Args:
        neighbours: K.
        options: As `mu.data.links.LinkData`.
    """

    def __init__(self, neighbours: int = 5, **options: Any) -> None:
        super().__init__(*digits_graph(neighbours), **options)
