"""Graph networks: two-layer encoders for node classes and for links."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GCNConv, GINConv, Linear, SAGEConv
from torch_geometric.utils import add_self_loops

from mu.data.graphs import GraphInput
from mu.errors import UsageError
from mu.models.base import evaluation_mode
from mu.models.field import Field
from mu.models.inner_products import inner_products
from mu.models.own_graph_network import (
    Way,
    called,
    edge_list,
    first_that_works,
    forget_caches,
    message_passing,
    steps_of_messages,
)
from mu.models.sparse import (
    Sparse,
    product,
    propagated_features,
    propagation,
    refuse_weights,
    sparse_features,
)


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

    def hops(self, number: int, x: GraphInput) -> int:
        """Number of edges between a node and the farthest that a layer's output depends on."""
        return number + 1

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
        return inner_products(z, x.pairs)

    def features(self, x: GraphInput) -> Tensor:
        """Embeddings of the nodes asked for, or of both ends of the pairs, side by side."""
        z = self.encode(x)
        if x.pairs is None:
            return z if x.nodes is None else z[x.nodes]
        return z[x.pairs].permute(1, 0, 2).flatten(1)

    def forward(self, x: GraphInput) -> Tensor:
        return self.decode(self.encode(x), x)


class Encoder(GraphNetwork):
    """Any network that maps features and edges to embeddings, as it is.

    A network with layers of torch_geometric, or with an argument ``edge_index``, is called as
    ``network(x, edge_index)``, any other as ``network(x, adjacency)`` with the sparse matrix; where
    one fails the other is tried, and sparse features are made dense where that is needed
    (`mu.models.own_graph_network`). An argument with "weight" in its name gets the weights of the
    edges. What layers with ``cached=True`` keep of the graph they saw first is never used. Its last
    output counts as its only layer.

    Args:
        network: Gives (N, d) embeddings or (N, C) logits.
        hops: Number of edges between a node and the farthest that its output depends on. None
            counts how often layers of torch_geometric pass messages, which is more where some
            stand side by side.

    Raises:
        UsageError: ``hops`` is no positive number. When it is called: the network can be called in
            no such way, gives no row a node, or takes no weights where the edges have some.
    """

    depth = 1
    restricts = False

    def __init__(self, network: nn.Module, hops: int | None = None) -> None:
        super().__init__()
        if hops is not None and hops < 1:
            raise UsageError(f"hops={hops} is not a positive number; null counts them")
        self.network, self.reach = network, hops
        self.way: dict[tuple[bool, torch.layout], Way] = {}

    def layer(self, number: int, h: Tensor | None, x: GraphInput) -> Tensor:
        kind = x.weighted, x.features.layout
        forget_caches(self.network)
        try:
            if kind in self.way:
                found = called(self.network, x, self.way[kind])
            else:
                self.way[kind], found = first_that_works(self.network, x)
        finally:
            forget_caches(self.network)
        return one_row_a_node(found, x, self.network)

    def hops(self, number: int, x: GraphInput) -> int:
        if self.reach is not None:
            return self.reach
        with evaluation_mode(self), torch.no_grad():
            count = steps_of_messages(self.network, x) if message_passing(self.network) else 0
        forget_caches(self.network)
        if not count:
            raise UsageError(
                f"how far messages go in {type(self.network).__name__} cannot be counted, since no "
                "layer of torch_geometric passes them; say it: Encoder(network, hops=2)"
            )
        return count


def one_row_a_node(found: Any, x: GraphInput, network: nn.Module) -> Tensor:
    """The output of a network, checked.

    Raises:
        UsageError: It is no (N, d) tensor.
    """
    if isinstance(found, Tensor) and found.dim() == 2 and len(found) == len(x.adjacency):
        return found
    shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
    raise UsageError(
        f"{type(network).__name__} gives {shape}, not one row for each of the {len(x.adjacency)} "
        "nodes: wrap it in a module whose forward returns the (N, d) embeddings"
    )


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
        if h is None:
            check_features(x, self.in_features, next(self.conv1.parameters()))
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


def check_features(x: GraphInput, width: int, weight: Tensor) -> None:
    """Refuse features of another width or type than the network's first weights.

    Raises:
        UsageError: Naming both.
    """
    if x.features.dtype != weight.dtype:
        raise UsageError(
            f"the features are {x.features.dtype}, the network's weights {weight.dtype}: give the "
            "features the weights' type, as data.x.float() does, or the network theirs"
        )
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
        if h is None:
            check_features(x, self.in_features, self.lin1.weight)
        if isinstance(x, Field):
            raise UsageError("GAT cannot be asked of a restricted view")
        refuse_weights(x)
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
        found: Tensor = add_self_loops(edge_list(x), num_nodes=len(x.adjacency))[0]
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
