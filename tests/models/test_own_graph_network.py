"""Networks of a user's own in an Encoder: the same numbers as alone, on every view."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch_geometric.nn as pyg
from own_graph_case import CLASSES, CONVOLUTIONS, FEATURES, UNWEIGHTED, WEIGHTED, graph, network
from torch import nn

from mu.data.pyg import links_of, nodes_of
from mu.errors import UsageError
from mu.models.graph import Encoder


def view(weights=False, without=(), dtype=torch.float64):
    data = nodes_of(graph(weights, dtype))
    gone = data.without({"edges": np.asarray(without, np.int64)}).view
    return data.graph(gone)


def alone(own, weights=False, without=()):
    """What the network says of the user's graph, some edges taken out by hand."""
    data = graph(weights, torch.float64)
    edges = nodes_of(data).edges[list(without)].tolist()
    stays = [sorted(column) not in edges for column in data.edge_index.T.tolist()]
    given = (data.edge_weight[stays],) if weights else ()
    return own(data.x, data.edge_index[:, stays], *given)


@pytest.mark.parametrize("without", [(), (0, 7)])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_an_encoder_says_what_the_network_says(name, without):
    # Caches of one graph must not outlive it, so the whole graph is seen first.
    encoder = Encoder(network(name)).eval()
    encoder(view())
    torch.testing.assert_close(encoder(view(without=without)), alone(network(name), False, without))


@pytest.mark.parametrize("without", [(), (0, 7)])
@pytest.mark.parametrize("name", WEIGHTED)
def test_weights_reach_the_network_and_leave_with_their_edge(name, without):
    found = Encoder(network(name)).eval()(view(True, without))
    torch.testing.assert_close(found, alone(network(name), True, without))
    assert not torch.allclose(found, alone(network(name), False, without))


@pytest.mark.parametrize("name", UNWEIGHTED)
def test_a_network_that_takes_no_weights_is_not_given_a_weighted_graph(name):
    with pytest.raises(UsageError, match=r"Plain\.forward takes no edge_weight.*ignore="):
        Encoder(network(name))(view(True))


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_sparse_features_are_those_that_a_layer_takes(name):
    x = view()
    sparse = replace(x, features=x.features.to_sparse_csr())
    encoder = Encoder(network(name)).eval()
    torch.testing.assert_close(encoder(sparse), encoder(x))


class Multiplied(nn.Module):
    """A product with the matrix, by hand."""

    def __init__(self):
        super().__init__()
        self.map = nn.Linear(FEATURES, CLASSES, dtype=torch.float64)

    def forward(self, x, a):
        return a @ self.map(x)


class Gathered(Multiplied):
    """The same along a list of edges."""

    def forward(self, x, e):
        h = self.map(x)
        return torch.zeros_like(h).index_add(0, e[1], h[e[0]])


@pytest.mark.parametrize("own", [Multiplied, Gathered])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_networks_without_layers_of_torch_geometric_are_handed_what_they_take(own, dtype):
    net, x = own().to(dtype), view(dtype=dtype)
    wanted = x.adjacency.to_dense().to(dtype) @ net.map(x.features)
    torch.testing.assert_close(Encoder(net)(x), wanted)


def test_a_matrix_holds_the_weights_and_a_list_without_them_is_refused():
    net, x = Multiplied(), view(True)
    wanted = x.adjacency.to_dense() @ net.map(x.features)
    torch.testing.assert_close(Encoder(net)(x), wanted)
    with pytest.raises(UsageError, match="takes no edge_weight"):
        Encoder(Gathered())(x)


class Needy(nn.Module):
    """A network that cannot do without weights."""

    def __init__(self):
        super().__init__()
        self.conv = pyg.GraphConv(FEATURES, CLASSES).double()

    def forward(self, x, edge_index, edge_weight):
        return self.conv(x, edge_index, edge_weight * 2)


def test_weights_that_must_be_given_are_ones():
    net, data = Needy(), graph(dtype=torch.float64)
    ones = torch.ones(data.edge_index.shape[1], dtype=torch.float64)
    torch.testing.assert_close(Encoder(net)(view()), net(data.x, data.edge_index, ones))


def test_steps_in_a_row_take_weights_by_name():
    layers = [
        (pyg.GCNConv(FEATURES, 4), "x, edge_index, edge_weight -> x"),
        (pyg.GCNConv(4, CLASSES), "x, edge_index, edge_weight -> x"),
    ]
    net = pyg.Sequential("x, edge_index, edge_weight", layers).double()
    torch.testing.assert_close(Encoder(net)(view(True)), alone(net, True))
    torch.testing.assert_close(Encoder(net)(view()), net(*list_and_ones()))


def list_and_ones():
    data = graph(dtype=torch.float64)
    return data.x, data.edge_index, torch.ones(data.edge_index.shape[1], dtype=torch.float64)


class Wrong(nn.Module):
    def __init__(self, what):
        super().__init__()
        self.what = what

    def forward(self, x, edge_index):
        return self.what(x)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (Wrong(lambda x: (x, x)), "gives tuple, not one row for each of the 30 nodes"),
        (Wrong(lambda x: x.mean(0)), r"gives \(5,\), not one row"),
        (Wrong(lambda x: x[:4]), r"gives \(4, 5\), not one row"),
        (nn.Linear(FEATURES, 2), "Linear can be called with none of.*TypeError"),
        (
            Wrong(nn.Linear(9, 2).double()),
            "called with none of: x and edge_index, .*9",
        ),
    ],
)
def test_what_is_no_encoder_is_refused(own, said):
    with pytest.raises(UsageError, match=said):
        Encoder(own)(view())


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_hops_are_as_far_as_the_output_depends_on_features(name):
    """On a path of nodes, by the gradient of the first node's output."""
    path = graph(dtype=torch.float64)
    ends = torch.stack([torch.arange(29), torch.arange(1, 30)])
    path.edge_index = torch.cat([ends, ends.flip(0)], dim=1)
    x = nodes_of(path).graph(None)
    encoder = Encoder(network(name)).eval()
    features = x.features.clone().requires_grad_()
    encoder.layer(0, None, replace(x, features=features))[0].sum().backward()
    reached = int(features.grad.abs().sum(1).nonzero().max())
    assert encoder.hops(0, x) == reached == CONVOLUTIONS[name][2]
    assert Encoder(network(name), hops=1).hops(0, x) == 1


def test_hops_that_cannot_be_counted_must_be_said():
    with pytest.raises(UsageError, match=r"cannot be counted.*hops=2"):
        Encoder(Multiplied()).hops(0, view())
    assert Encoder(Multiplied(), hops=1).hops(0, view()) == 1
    with pytest.raises(UsageError, match="hops=0 is not a positive number"):
        Encoder(Multiplied(), hops=0)


def test_links_are_scored_by_the_embeddings_of_the_network():
    data = links_of(graph(dtype=torch.float64), test=0.1)
    own = network("gat")
    (batch,) = data.loader(np.array([4, 9]))
    z = own(batch.x.features, batch.x.adjacency.to_sparse_coo().indices())
    first, second = (z[end] for end in batch.x.pairs)
    torch.testing.assert_close(Encoder(own)(batch.x), (first * second).sum(1, keepdim=True))
