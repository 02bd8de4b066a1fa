"""A user's own graph and networks of torch_geometric, written as for a training of their own."""

import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.utils import to_undirected

FEATURES, CLASSES = 5, 3


def graph(weights: bool = False, dtype: torch.dtype = torch.float32) -> Data:
    """30 nodes, the last two isolated; every fifth has no label and is in no mask."""
    draw = torch.Generator().manual_seed(3)
    pairs = torch.randint(0, 28, (2, 60), generator=draw)
    pairs = pairs[:, pairs[0] != pairs[1]]
    drawn = torch.rand(pairs.shape[1], generator=draw) * 9 + 0.1
    edge_index, weight = to_undirected(pairs, drawn, reduce="mean")
    y = torch.randint(0, CLASSES, (30,), generator=draw)
    nodes = torch.arange(30)
    y[nodes % 5 == 0] = -1
    data = Data(
        x=torch.randn(30, FEATURES, generator=draw).to(dtype),
        edge_index=edge_index,
        y=y,
        train_mask=(nodes % 5 > 0) & (nodes % 5 < 4),
        test_mask=nodes % 5 == 4,
    )
    if weights:
        data.edge_weight = weight.to(dtype)
    return data


class Plain(nn.Module):
    """Two convolutions that know no weights."""

    def __init__(self, convolution) -> None:
        super().__init__()
        self.one, self.two = convolution(FEATURES, 4), convolution(4, CLASSES)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.two(torch.tanh(self.one(x, edge_index)), edge_index)


class Weighted(Plain):
    """Two convolutions that take the weights of the edges."""

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        hidden = torch.tanh(self.one(x, edge_index, edge_weight))
        return self.two(hidden, edge_index, edge_weight)


class Propagated(nn.Module):
    """A linear map, then messages without parameters."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.map, self.pass_on = nn.Linear(inputs, outputs), pyg.APPNP(3, 0.1)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        return self.pass_on(self.map(x), edge_index, edge_weight)


def gin(inputs: int, outputs: int) -> nn.Module:
    """A sum into a perceptron."""
    return pyg.GINConv(nn.Sequential(nn.Linear(inputs, outputs), nn.Tanh()))


# Name → its convolution, whether that takes weights, and how far two of them reach.
CONVOLUTIONS = {
    "gcn": (pyg.GCNConv, True, 2),
    "gcn_cached": (lambda i, o: pyg.GCNConv(i, o, cached=True), True, 2),
    "sage": (pyg.SAGEConv, False, 2),
    "sage_max": (lambda i, o: pyg.SAGEConv(i, o, aggr="max"), False, 2),
    "gat": (pyg.GATConv, False, 2),
    "gatv2": (pyg.GATv2Conv, False, 2),
    "transformer": (pyg.TransformerConv, False, 2),
    "gin": (gin, False, 2),
    "cheb": (lambda i, o: pyg.ChebConv(i, o, 3), True, 4),
    "tag": (lambda i, o: pyg.TAGConv(i, o, 2), True, 4),
    "sg_cached": (lambda i, o: pyg.SGConv(i, o, 2, cached=True), True, 4),
    "arma": (pyg.ARMAConv, True, 2),
    "appnp": (Propagated, True, 6),
    "graph": (pyg.GraphConv, True, 2),
    "gated": (pyg.ResGatedGraphConv, False, 2),
}


def network(name: str, seed: int = 0) -> nn.Module:
    """Two of the convolutions of a name, with fresh weights in float64."""
    convolution, weighted, _ = CONVOLUTIONS[name]
    torch.manual_seed(seed)
    return (Weighted if weighted else Plain)(convolution).double().eval()


WEIGHTED = [name for name, (_, weighted, _) in CONVOLUTIONS.items() if weighted]
UNWEIGHTED = [name for name in CONVOLUTIONS if name not in WEIGHTED]
