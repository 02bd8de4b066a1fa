"""Deletion operators of GNNDelete: one matrix a layer for some nodes (arXiv 2302.13406)."""

import torch
from torch import Tensor, nn

from mu.data.graphs import GraphInput, neighbourhood
from mu.errors import UsageError
from mu.models.graph import GraphNetwork


class DeletionOperator(nn.Module):
    """One matrix that multiplies the embeddings of some nodes from the right.

    Args:
        dim: Width of the embeddings.
        node_mask: (N,) which nodes.
        init: "constant" fills the matrix with ``value`` as the published code does, "identity"
            starts from no change.
        value: That constant.
        dtype: Of the matrix.

    Example:
        >>> operator = DeletionOperator(2, torch.tensor([True, False]), init="identity")
        >>> operator(torch.tensor([[1.0, 2.0], [3.0, 4.0]])).tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """

    node_mask: Tensor

    def __init__(
        self,
        dim: int,
        node_mask: Tensor,
        init: str = "constant",
        value: float = 0.001,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if init not in ("constant", "identity"):
            raise UsageError(f"init={init!r} is not one of constant, identity")
        first = torch.full((dim, dim), value, dtype=dtype)
        if init == "identity":
            first = torch.eye(dim, dtype=dtype)
        self.weight = nn.Parameter(first)
        self.register_buffer("node_mask", node_mask.bool().clone())

    def forward(self, h: Tensor) -> Tensor:
        """(N, d) embeddings, rows of the mask multiplied, others unchanged."""
        return torch.where(self.node_mask[:, None], h @ self.weight, h)


class DeletingNetwork(GraphNetwork):
    """A graph network with a deletion operator after each convolution.

    Args:
        network: What is changed.
        num_nodes: N of the graph it is used on.
        widths: Width of each layer.
    """

    restricts = False  # the masks are numbered as the whole graph

    def __init__(self, network: GraphNetwork, num_nodes: int, widths: list[int]) -> None:
        super().__init__()
        self.network, self.depth = network, network.depth
        self.dropout = network.dropout
        nobody = torch.zeros(num_nodes, dtype=torch.bool)
        self.operators = nn.ModuleList(DeletionOperator(d, nobody, "identity") for d in widths)

    def layer(self, number: int, h: Tensor | None, x: GraphInput) -> Tensor:
        found: Tensor = self.operators[number](self.network.layer(number, h, x))
        return found


def neighbourhood_masks(
    edge_index: Tensor, forget_mask: Tensor, hops: int, num_nodes: int
) -> tuple[Tensor, Tensor]:
    """The ``hops``-neighbourhood of forgotten edges' end points, as the published code takes it.

    Neighbours are found along the columns as given: a list with both directions gives the
    neighbourhood that the paper describes, the one-directional list the published one, which
    depends on how nodes are numbered.

    Args:
        edge_index: (2, m) edges.
        forget_mask: (m,) which are forgotten.
        hops: Steps from the end points.
        num_nodes: N.

    Returns:
        (N,) nodes that touch an edge of the neighbourhood; (m,) edges between its nodes.
    """
    ends = edge_index[:, forget_mask].flatten().numpy()
    inside = torch.from_numpy(neighbourhood(edge_index.numpy(), ends, hops, num_nodes))
    edges = inside[edge_index].all(0)
    nodes = torch.zeros(num_nodes, dtype=torch.bool)
    nodes[edge_index[:, edges].flatten()] = True
    return nodes, edges
