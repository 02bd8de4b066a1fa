"""Graph networks."""

from dataclasses import replace

import torch

from mu.data.graphs import GraphInput, adjacency
from mu.models.graph import GCN

EDGES = [[0, 1], [1, 2], [2, 3], [0, 4]]


def asked(**what) -> GraphInput:
    features = torch.rand(6, 3, generator=torch.Generator().manual_seed(0))
    return GraphInput(features, adjacency(torch.tensor(EDGES).numpy(), 6), **what)


def dense_encoding(network: GCN, x: GraphInput) -> torch.Tensor:
    """Two layers of D^-1/2 (A + I) D^-1/2 X W + b."""
    a = x.adjacency.to_dense() + torch.eye(6)
    scale = a.sum(1).rsqrt()
    a = scale[:, None] * a * scale
    hidden = (a @ x.features @ network.conv1.lin.weight.T + network.conv1.bias).relu()
    return a @ hidden @ network.conv2.lin.weight.T + network.conv2.bias


def test_the_encoder_is_the_published_formula():
    network, x = GCN(3, 2, 5).eval(), asked()
    assert torch.allclose(network.encode(x), dense_encoding(network, x), atol=1e-6)


def test_nodes_give_their_rows():
    network, nodes = GCN(3, 2, 5).eval(), torch.tensor([4, 0])
    x = asked(nodes=nodes)
    assert torch.equal(network(x), network.encode(x)[nodes])
    assert torch.equal(network.features(x), network.encode(x)[nodes])


def test_pairs_give_the_inner_product_of_their_ends():
    network, pairs = GCN(3, 2, 5).eval(), torch.tensor([[0, 5], [1, 2]])
    x = asked(pairs=pairs)
    z = network.encode(x)
    expected = torch.stack([z[0] @ z[1], z[5] @ z[2]])[:, None]
    assert torch.allclose(network(x), expected)
    assert network(replace(x, pairs=pairs.flip(0))).allclose(expected)
    features = network.features(x)
    assert torch.equal(features, torch.cat([z[[0, 5]], z[[1, 2]]], dim=1))


def test_dropout_acts_in_training_only():
    network, x = GCN(3, 2, 5, dropout=0.9), asked(nodes=torch.arange(6))
    network.train()
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


def test_a_graph_moves_as_a_whole():
    x = asked(pairs=torch.tensor([[0], [1]])).to("cpu")
    assert x.nodes is None
    assert x.pairs is not None
    assert x.adjacency.to_dense().sum() == 2 * len(EDGES)
