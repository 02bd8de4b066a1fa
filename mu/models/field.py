"""The receptive field of a few nodes: what a network must compute to embed only them."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from mu.data.graphs import GraphInput, csr_tensor, scipy_csr
from mu.models.sparse import Sparse


@dataclass
class Field(GraphInput):
    """A view of a graph restricted to what the embeddings of some nodes depend on.

    Level 0 holds the nodes whose features are read, the last level the nodes embedded; layer l
    takes level l to level l + 1. The layers' matrices are cut from those of the whole view, so
    degrees are the true ones and the embeddings those of the whole graph. ``nodes`` and ``pairs``
    are numbered by their place in the last level.

    Attributes:
        whole: The view it was cut from.
        levels: Sorted nodes of each level.
    """

    whole: GraphInput = field(default_factory=lambda: GraphInput(torch.empty(0), torch.empty(0)))
    levels: tuple[Tensor, ...] = ()

    def matrix(self, number: int, whole: Sparse, kind: str) -> Sparse:
        """The matrix of a layer, cut from that of the whole view once."""
        return self.once(
            ("matrix", kind, number),
            lambda: whole.restricted(self.levels[number + 1], self.levels[number]),
        )

    def rows(self, level: int, values: Tensor) -> Tensor:
        """Rows of (N, d) values that a level has, cut once."""
        return self.once(("rows", level, id(values)), lambda: values[self.levels[level]])

    def places(self, number: int) -> Tensor:
        """Where the nodes of level ``number`` + 1 stand in level ``number``."""
        return torch.searchsorted(self.levels[number], self.levels[number + 1])


def receptive_field(x: GraphInput, depth: int) -> Field:
    """The field of the nodes or pairs that ``x`` asks for, in a network of ``depth`` layers.

    Args:
        x: A view, with ``nodes`` or ``pairs``.
        depth: Number of layers.

    Returns:
        A view that asks the same of fewer nodes.
    """
    asked = x.pairs if x.nodes is None else x.nodes
    assert asked is not None
    matrix = scipy_csr(x.adjacency)
    inside = np.zeros(len(x.adjacency), bool)
    inside[asked.numpy().ravel()] = True
    levels = [np.flatnonzero(inside)]
    for _ in range(depth):
        inside |= (matrix @ inside.astype(np.float32)) > 0
        levels.append(np.flatnonzero(inside))
    found = tuple(torch.from_numpy(level) for level in reversed(levels))
    features = x.features
    if features.layout == torch.strided:
        features = features[found[0]]
    else:
        features = csr_tensor(scipy_csr(features)[found[0].numpy()])
    pairs = None if x.pairs is None else torch.searchsorted(found[-1], x.pairs)
    nodes = None if x.nodes is None else torch.searchsorted(found[-1], x.nodes)
    whole = replace(x, nodes=None, pairs=None)
    return Field(features, x.adjacency, nodes, pairs, {}, x.weighted, whole, found)
