"""Graph networks: two-layer encoders for node classes and for links."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GCNConv, GINConv, Linear, SAGEConv
from torch_geometric.utils import add_self_loops

from mu.data.graphs import GraphInput
from mu.errors import UsageError
from mu.models.field import Field
from mu.models.sparse import Sparse, product, propagated_features, propagation, sparse_features


class GraphNetwork(nn.Module):
    """Base of graph networks: layers with ReLU and dropout between them, and a decoder.

    Node classes: the last layer's ``out_features`` logits of ``x.nodes``. Links: the inner product
    of the end points' embeddings of ``x.pairs`` as one logit (n, 1). Which of the two follows from
    what the input asks. A subclass writes `layer` and says how many there are.

    Args:
        dropout: Share of hidden units dropped in training.
    """

    depth: int = 2
    restricts: ClassVar[bool] = True  # whether `layer` can be asked of a restricted view

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)

    def layer(self, number: int, h: Tensor | None, x: GraphInput) -> Tensor:
        """(N, d) output of a layer, before ReLU; ``h`` is its input, None for ``x.features``."""
        raise NotImplementedError

    def layers(self, x: GraphInput) -> list[Tensor]:
        """Outputs of all layers, each (N, d_l), before ReLU; the last are the embeddings."""
        found: list[Tensor] = []
        for number in range(self.depth):
            h = found[-1].relu() if found else None
            if h is not None and self.dropout.p:
                h = self.dropout(h)
            found.append(self.layer(number, h, x))
        return found

    def encode(self, x: GraphInput) -> Tensor:
        """(N, d) embeddings of all nodes."""
        return self.layers(x)[-1]

    def decode(self, z: Tensor, x: GraphInput) -> Tensor:
        """Logits of the nodes (n, C) or pairs (n, 1) asked for, from all embeddings."""
        if x.pairs is None:
            return z if x.nodes is None else z.index_select(0, x.nodes)
        first, second = (z.index_select(0, end) for end in x.pairs)
        return (first * second).sum(-1, keepdim=True)

    def features(self, x: GraphInput) -> Tensor:
        """Embeddings of the nodes asked for, or of both ends of the pairs, side by side."""
        z = self.encode(x)
        if x.pairs is None:
            return z if x.nodes is None else z[x.nodes]
        return z[x.pairs].permute(1, 0, 2).flatten(1)

    def forward(self, x: GraphInput) -> Tensor:
        return self.decode(self.encode(x), x)


class Encoder(GraphNetwork):
    """Any network that maps features and a sparse adjacency matrix to embeddings.

    Layers of torch_geometric take the matrix in place of an ``edge_index``, so a user's own model
    can be wrapped as it is. Its last output counts as its only layer.

    Args:
        network: ``network(features, adjacency)`` gives (N, d) embeddings or (N, C) logits.
    """

    depth = 1
    restricts = False

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def layer(self, number: int, h: Tensor | None, x: GraphInput) -> Tensor:
        found: Tensor = self.network(x.features, x.adjacency)
        return found


class Convolutions(GraphNetwork):
    """Two convolutions from torch_geometric, whose products are computed by `mu.models.sparse`.

    torch_geometric gives the parameters and their initial values, and its own forward pass the
    same numbers (a test); the products here are several times faster (docs/benchmarks.md).

    Args:
        in_features: Number of node features.
        out_features: Width of the embedding, or number of classes.
        hidden: Width of the hidden layer.
        dropout: Share of hidden units dropped in training.
    """

    kind: ClassVar[str]

    def __init__(
        self, in_features: int, out_features: int, hidden: int = 64, dropout: float = 0.0
    ) -> None:
        super().__init__(dropout)
        self.in_features = in_features
        self.conv1 = self.convolution(in_features, hidden)
        self.conv2 = self.convolution(hidden, out_features)

    def convolution(self, inputs: int, outputs: int) -> Any:
        """One convolution with fresh parameters."""
        raise NotImplementedError

    def layer(self, number: int, h: Tensor | None, x: GraphInput) -> Tensor:
        check_width(x, self.in_features)
        return self.convolved(self.conv2 if number else self.conv1, number, h, x)

    def convolved(self, conv: Any, number: int, h: Tensor | None, x: GraphInput) -> Tensor:
        """(N, d) output of one convolution; the other arguments are those of `layer`."""
        raise NotImplementedError

    def matrix(self, number: int, x: GraphInput) -> Sparse:
        """What a layer multiplies with, restricted where the view is."""
        if isinstance(x, Field):
            return x.matrix(number, propagation(x.whole, self.kind), self.kind)
        return propagation(x, self.kind)

    def gathered(self, number: int, weight: Tensor, h: Tensor | None, x: GraphInput) -> Tensor:
        """M h Wᵀ in the cheapest order; of dense features M h is kept, it never changes."""
        if h is None and x.features.layout == torch.strided:
            whole = x.whole if isinstance(x, Field) else x
            sums = propagated_features(whole, self.kind)
            return (x.rows(1, sums) if isinstance(x, Field) else sums) @ weight.T
        return product(self.matrix(number, x), transformed(weight, h, x))


def check_width(x: GraphInput, width: int) -> None:
    """Refuse features of another width than the network's.

    Raises:
        UsageError: Naming both.
    """
    if x.features.shape[1] != width:
        raise UsageError(
            f"the graph has {x.features.shape[1]} features a node, the network takes {width}"
        )


def transformed(weight: Tensor, h: Tensor | None, x: GraphInput) -> Tensor:
    """(N, d) h Wᵀ, where h is None for the features, dense or sparse."""
    if h is not None:
        return h @ weight.T
    if x.features.layout == torch.strided:
        return x.features @ weight.T
    return product(sparse_features(x), weight.T)


class GCN(Convolutions):
    """Graph convolutions (Kipf and Welling, arXiv 1609.02907): D^-1/2 (A + I) D^-1/2 X Wᵀ + b."""

    kind = "gcn"

    def convolution(self, inputs: int, outputs: int) -> Any:
        return GCNConv(inputs, outputs)

    def convolved(self, conv: Any, number: int, h: Tensor | None, x: GraphInput) -> Tensor:
        found: Tensor = self.gathered(number, conv.lin.weight, h, x) + conv.bias
        return found


class GIN(Convolutions):
    """Graph isomorphism layers around one linear map (Xu et al., arXiv 1810.00826)."""

    kind = "sum"

    def convolution(self, inputs: int, outputs: int) -> Any:
        return GINConv(nn.Linear(inputs, outputs))

    def convolved(self, conv: Any, number: int, h: Tensor | None, x: GraphInput) -> Tensor:
        found: Tensor = self.gathered(number, conv.nn.weight, h, x) + conv.nn.bias
        return found


class GraphSAGE(Convolutions):
    """Mean of the neighbours beside the node itself (Hamilton et al., arXiv 1706.02216)."""

    kind = "mean"

    def convolution(self, inputs: int, outputs: int) -> Any:
        return SAGEConv(inputs, outputs)

    def convolved(self, conv: Any, number: int, h: Tensor | None, x: GraphInput) -> Tensor:
        own = transformed(conv.lin_r.weight, h, x)
        if isinstance(x, Field):
            own = own.index_select(0, x.places(number))
        found: Tensor = self.gathered(number, conv.lin_l.weight, h, x) + conv.lin_l.bias + own
        return found


class GAT(GraphNetwork):
    """Attention over the neighbours, one head (Veličković et al., arXiv 1710.10903).

    The linear maps stand apart from torch_geometric's attention, so that features stay sparse.

    Args:
        in_features: Number of node features.
        out_features: Width of the embedding, or number of classes.
        hidden: Width of the hidden layer.
        dropout: Share of hidden units dropped in training.
    """

    restricts = False

    def __init__(
        self, in_features: int, out_features: int, hidden: int = 64, dropout: float = 0.0
    ) -> None:
        super().__init__(dropout)
        self.in_features = in_features
        self.lin1, self.conv1 = attention(in_features, hidden)
        self.lin2, self.conv2 = attention(hidden, out_features)

    def layer(self, number: int, h: Tensor | None, x: GraphInput) -> Tensor:
        check_width(x, self.in_features)
        if isinstance(x, Field):
            raise UsageError("GAT cannot be asked of a restricted view")
        lin, conv = (self.lin2, self.conv2) if number else (self.lin1, self.conv1)
        found: Tensor = conv(transformed(lin.weight, h, x), edge_index(x))
        return found


class Same(nn.Identity):
    """What it is given; knows how to draw its no weights anew, as torch_geometric asks of it."""

    def reset_parameters(self) -> None:
        """Nothing."""


def attention(inputs: int, outputs: int) -> tuple[Linear, GATConv]:
    """A linear map, and attention over what it gives."""
    lin = Linear(inputs, outputs, bias=False, weight_initializer="glorot")
    conv = GATConv(outputs, outputs, add_self_loops=False)
    conv.lin = Same()
    return lin, conv


def edge_index(x: GraphInput) -> Tensor:
    """(2, m) edges of a view in both directions and a loop at each node, made once."""

    def make() -> Tensor:
        coo: Any = x.adjacency.to_sparse(layout=torch.sparse_coo)
        found: Tensor = add_self_loops(coo.indices(), num_nodes=len(x.adjacency))[0]
        return found

    return x.once("edge_index", make)


def graph_network(network: nn.Module) -> GraphNetwork:
    """The network as one that gives embeddings of nodes, layer by layer.

    Raises:
        UsageError: It is no `GraphNetwork`.
    """
    if not isinstance(network, GraphNetwork):
        raise UsageError(
            f"{type(network).__name__} gives no embeddings of nodes: the method needs a network "
            "derived from mu.models.graph.GraphNetwork, or wrapped in its Encoder"
        )
    return network
