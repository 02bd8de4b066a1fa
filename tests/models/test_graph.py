"""Graph networks: the published formulas, sparse products, and restricted views."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.nn import GATConv

from mu.data.graphs import GraphInput, adjacency, csr_tensor, undirected_edges
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.field import receptive_field
from mu.models.graph import GAT, GCN, GIN, GraphNetwork, GraphSAGE, edge_index
from mu.models.sparse import Sparse, product, propagation

EDGES = [[0, 1], [1, 2], [2, 3], [0, 4]]
NETWORKS = [GCN, GIN, GraphSAGE, GAT]
GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "graph_official_small.npz")


def asked(dtype=torch.float32, sparse=False, **what) -> GraphInput:
    features = torch.rand(6, 3, generator=torch.Generator().manual_seed(0)).to(dtype)
    features = features.to_sparse_csr() if sparse else features
    return GraphInput(features, adjacency(torch.tensor(EDGES).numpy(), 6), **what)


def weighted() -> GraphInput:
    weights = np.array([0.5, 3.0, 2.0, 7.0], np.float32)
    matrix = adjacency(torch.tensor(EDGES).numpy(), 6, weights)
    return replace(asked(), adjacency=matrix, weighted=True)


def random_graph(n: int, share: float, seed: int) -> GraphInput:
    rng = np.random.default_rng(seed)
    rows, columns = np.triu_indices(n, 1)
    chosen = rng.random(len(rows)) < share
    edges = np.stack([rows[chosen], columns[chosen]], axis=1)
    return GraphInput(torch.from_numpy(rng.normal(size=(n, 4))), adjacency(edges, n))


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


@pytest.mark.parametrize("network", [GCN, GIN, GraphSAGE])
def test_torch_geometrics_own_forward_pass_gives_the_same(network):
    net, x = network(3, 2, 5).eval(), asked()
    both = x.adjacency.to_sparse_coo().indices()
    wanted = net.conv2(net.conv1(x.features, both).relu(), both)
    assert torch.allclose(net.encode(x), wanted, atol=1e-6)


def test_weights_are_read_as_torch_geometric_reads_them():
    net, x = GCN(3, 2, 5).eval(), weighted()
    coo = x.adjacency.to_sparse_coo()
    hidden = net.conv1(x.features, coo.indices(), coo.values()).relu()
    wanted = net.conv2(hidden, coo.indices(), coo.values())
    assert torch.allclose(net.encode(x), wanted, atol=1e-6)
    assert not torch.allclose(net.encode(x), net.encode(asked()), atol=1e-3)
    some = replace(x, nodes=torch.tensor([4, 0]))
    assert torch.allclose(net(receptive_field(some, 2)), wanted[[4, 0]], atol=1e-6)


@pytest.mark.parametrize("network", [GIN, GraphSAGE, GAT])
def test_layers_that_read_no_weights_refuse_them(network):
    with pytest.raises(UsageError, match="edges have weights, which GIN, GraphSAGE and GAT do not"):
        network(3, 2, 5)(weighted())


@pytest.mark.parametrize("network", NETWORKS)
def test_features_of_another_type_are_refused(network):
    with pytest.raises(UsageError, match=r"features are torch.float64, .*weights torch.float32"):
        network(3, 2, 5)(asked(torch.float64))


def test_attention_is_torch_geometrics():
    net, x = GAT(3, 2, 5).eval(), asked()
    both = x.adjacency.to_sparse_coo().indices()
    h = x.features
    for lin, conv, widths in ((net.lin1, net.conv1, (3, 5)), (net.lin2, net.conv2, (5, 2))):
        theirs = GATConv(*widths)
        theirs.lin.weight.data.copy_(lin.weight)
        for name in ("att_src", "att_dst", "bias"):
            getattr(theirs, name).data.copy_(getattr(conv, name))
        found = theirs(h, both)
        h = found.relu()
    assert torch.allclose(net.encode(x), found, atol=1e-6)
    assert edge_index(x).shape[1] == 2 * len(EDGES) + 6


@pytest.mark.parametrize("network", NETWORKS)
def test_sparse_features_give_the_same_logits_and_gradients(network):
    net, pairs = network(3, 2, 5).eval(), torch.tensor([[0, 5], [1, 2]])
    found = []
    for sparse in (False, True):
        logits = net(asked(sparse=sparse, pairs=pairs))
        found.append((logits, *torch.autograd.grad(logits.sum(), list(net.parameters()))))
    for dense, other in zip(*found, strict=True):
        assert torch.allclose(dense, other, atol=1e-6)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("sparse", [False, True])
def test_features_of_another_width_are_refused(network, sparse):
    with pytest.raises(UsageError, match="3 features a node, the network takes 7"):
        network(7, 2, 5)(asked(sparse=sparse, nodes=torch.tensor([0])))


def test_nodes_give_their_rows():
    network, nodes = GCN(3, 2, 5).eval(), torch.tensor([4, 0])
    x = asked(nodes=nodes)
    assert torch.equal(network(x), network.encode(x)[nodes])
    assert torch.equal(network.features(x), network.encode(x)[nodes])


def test_where_no_nodes_are_asked_for_all_are_meant():
    network, x = GCN(3, 2, 5).eval(), asked()
    assert torch.equal(network(x), network.encode(x))
    assert torch.equal(network.features(x), network.encode(x))


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
    torch.manual_seed(0)
    network, x = GCN(3, 2, 50, dropout=0.5), asked(nodes=torch.arange(6))
    network.train()
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


def test_a_graph_moves_as_a_whole():
    x = asked(pairs=torch.tensor([[0], [1]]))
    x.once("name", lambda: 1)
    assert x.to("cpu") is x
    moved = x.to("meta")
    assert moved.adjacency.device.type == moved.pairs.device.type == "meta"
    assert moved.nodes is None
    assert moved.made == {}
    assert x.adjacency.to_dense().sum() == 2 * len(EDGES)


@given(seed=st.integers(0, 99), share=st.floats(0, 1))
@pytest.mark.parametrize("kind", ["gcn", "sum", "mean"])
def test_matrices_are_what_they_say(kind, seed, share):
    x = random_graph(7, share, seed)
    found = propagation(x, kind)
    a = x.adjacency.to_dense().double()
    loops = a + torch.eye(7).double()
    scale = loops.sum(1) ** -0.5
    wanted = {
        "gcn": scale[:, None] * loops * scale,
        "sum": loops,
        "mean": a / a.sum(1, keepdim=True).clamp(min=1),
    }[kind]
    assert torch.allclose(found.matrix.to_dense(), wanted)
    assert torch.allclose(found.transposed.to_dense(), wanted.T)


def test_products_can_be_differentiated_twice():
    from scipy.sparse import random as random_matrix

    matrix = random_matrix(5, 4, density=0.5, rng=np.random.default_rng(0)).tocsr()
    sparse = Sparse(csr_tensor(matrix), csr_tensor(matrix.T.tocsr()))
    h = torch.rand(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: product(sparse, v), h)
    assert torch.autograd.gradgradcheck(lambda v: product(sparse, v).sin(), h)


def test_products_in_bfloat16_are_computed_in_full():
    x = asked(nodes=torch.arange(6))
    network = GCN(3, 2, 5).eval()
    with torch.autocast("cpu", torch.bfloat16):
        found = network(x)
    assert torch.allclose(found.float(), network(x), atol=0.05)


def test_what_prediction_made_serves_training():
    x, network = asked(nodes=torch.arange(6)), GCN(3, 2, 5)
    with torch.inference_mode():
        network(x)
    network(x).sum().backward()
    assert network.conv1.lin.weight.grad is not None


@given(seed=st.integers(0, 99), share=st.floats(0.05, 0.4), pairs=st.booleans())
@pytest.mark.parametrize("network", [GCN, GIN, GraphSAGE])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_receptive_field_gives_what_the_whole_graph_gives(network, sparse, seed, share, pairs):
    x = random_graph(25, share, seed)
    if sparse:
        x = replace(x, features=x.features.to_sparse_csr())
    some = torch.tensor([[3, 7, 3], [5, 7, 9]])
    x = replace(x, pairs=some) if pairs else replace(x, nodes=some[0])
    net = network(4, 3, 5).double()
    field = receptive_field(x, net.depth)
    assert len(field.levels) == 3
    assert set(field.levels[2].tolist()) == set((some if pairs else some[0]).flatten().tolist())
    found = []
    for view in (x, field):
        logits = net(view)
        gradients = torch.autograd.grad(logits.square().sum(), list(net.parameters()))
        found.append((logits, *gradients))
    for whole, restricted in zip(*found, strict=True):
        assert torch.allclose(whole, restricted, atol=1e-12)


def test_attention_has_no_field():
    x = asked(nodes=torch.tensor([0]))
    with pytest.raises(UsageError, match="restricted view"):
        GAT(3, 2, 5)(receptive_field(x, 2))


def golden_network() -> GCN:
    found = GCN(9, 6, 8).double()
    with torch.no_grad():
        for layer in (1, 2):
            conv = getattr(found, f"conv{layer}")
            conv.lin.weight.copy_(torch.from_numpy(GOLDEN[f"conv{layer}_weight"]))
            conv.bias.copy_(torch.from_numpy(GOLDEN[f"conv{layer}_bias"]))
    return found


def golden_view(columns, pairs) -> GraphInput:
    edges = undirected_edges(columns, 60)
    x = torch.from_numpy(GOLDEN["x"])
    return GraphInput(x, adjacency(edges, 60), pairs=torch.from_numpy(pairs))


@pytest.mark.parametrize("name", ["gradient_ascent", "retrain"])
def test_golden_losses_and_gradients(name):
    columns, gone = GOLDEN["published/edge_index"], GOLDEN["published/df_mask"]
    kept = columns[:, ~gone]
    if name == "retrain":
        negatives = GOLDEN["retrain/negatives"]
        view = golden_view(kept, np.concatenate([kept, negatives], axis=1))
        labels, sign = torch.tensor([1] * kept.shape[1] + [0] * negatives.shape[1]), 1
    else:
        view = golden_view(columns, columns[:, gone])
        labels, sign = torch.ones(int(gone.sum()), dtype=torch.int64), -1
    learner = Learner(golden_network())
    loss = sign * learner.loss(learner(view), labels)
    assert loss.item() == pytest.approx(float(GOLDEN[f"{name}/loss"]), abs=1e-6)
    names = dict(learner.network.named_parameters())
    gradients = torch.autograd.grad(loss, list(names.values()))
    for key, gradient in zip(names, gradients, strict=True):
        np.testing.assert_allclose(gradient, GOLDEN[f"{name}/grad/{key}"], rtol=1e-9, atol=1e-14)


def test_a_network_says_what_its_layers_are():
    with pytest.raises(NotImplementedError):
        GraphNetwork().layers(asked())
    layers = GCN(3, 2, 5).layers(asked())
    assert [tuple(h.shape) for h in layers] == [(6, 5), (6, 2)]
