"""GNNDelete against the authors' own numbers, and what its operators leave alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from cases import CASES
from own_graph_case import CONVOLUTIONS, graph
from own_graph_case import network as own_network

from mu.data.build import build
from mu.data.graphs import GraphInput, adjacency, neighbourhood, undirected_edges
from mu.data.links import LinkData
from mu.data.pyg import nodes_of
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.graph import GCN, Encoder
from mu.unlearning.base import Context, DataPart, apply
from mu.unlearning.gnndelete import (
    DeletingNetwork,
    DeletionOperator,
    GNNDelete,
    layer_loss,
    neighbourhood_masks,
)

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "graph_official_small.npz")
NODES = 60


def golden(name: str) -> torch.Tensor:
    return torch.from_numpy(GOLDEN[name])


def network() -> GCN:
    found = GCN(9, 6, 8).double()
    with torch.no_grad():
        for layer in (1, 2):
            conv = getattr(found, f"conv{layer}")
            conv.lin.weight.copy_(golden(f"conv{layer}_weight"))
            conv.bias.copy_(golden(f"conv{layer}_bias"))
    return found


def golden_graph(columns) -> GraphInput:
    return GraphInput(golden("x"), adjacency(undirected_edges(columns, NODES), NODES))


def deleting(masks, matrices) -> DeletingNetwork:
    found = DeletingNetwork(network(), NODES, [8, 6]).double()
    for operator, mask, matrix in zip(found.operators, masks, matrices, strict=True):
        operator.node_mask.copy_(mask)
        operator.weight.data.copy_(matrix)
    return found


def close(found, wanted, **tolerance) -> None:
    limits = {"rtol": 1e-9, "atol": 1e-13} | tolerance
    np.testing.assert_allclose(torch.as_tensor(found).detach().numpy(), wanted, **limits)


@pytest.mark.parametrize("hops", [1, 2])
def test_golden_masks(hops):
    whole = neighbourhood_masks(golden("edge_index"), golden("forget_edge_mask"), hops, NODES)
    assert torch.equal(whole[0], golden(f"node_mask_{hops}hop"))
    assert torch.equal(whole[1], golden(f"edge_mask_{hops}hop"))
    one_way = golden("published/edge_list"), golden("published/forget_mask")
    published = neighbourhood_masks(*one_way, hops, NODES)
    assert torch.equal(published[0], golden(f"published/node_mask_{hops}hop"))
    assert hops == 1 or torch.equal(published[1], golden("published/edge_mask_2hop"))


def test_golden_embeddings():
    kept = golden_graph(GOLDEN["edge_index"][:, ~GOLDEN["forget_edge_mask"]])
    near = golden_graph(GOLDEN["edge_index"][:, GOLDEN["edge_mask_2hop"]])
    for number, z in enumerate(network().layers(kept), 1):
        close(z, GOLDEN[f"z{number}_original"])
    masks = [golden(f"node_mask_{hops}hop") for hops in (1, 2)]
    changed = deleting(masks, [golden("deletion1"), golden("deletion2")])
    for number, z in enumerate(changed.layers(near), 1):
        close(z, GOLDEN[f"z{number}_deleted"])


def test_golden_losses_of_the_paper():
    forget = golden("edge_index")[:, golden("forget_edge_mask")]
    pairs = golden("random_pairs")
    ends = torch.zeros(NODES, dtype=torch.bool)
    ends[forget.flatten()] = True
    for layer in (1, 2):
        near = (golden(f"node_mask_{layer}hop") & ~ends).nonzero().squeeze(1)
        state, original = golden(f"z{layer}_deleted"), golden(f"z{layer}_original")
        found = layer_loss(state, original, forget, pairs, near)
        close(found.dec, GOLDEN[f"loss_deleted_edge_consistency_{layer}"])
        close(found.ni, GOLDEN[f"loss_neighborhood_influence_{layer}"])


def published_case() -> tuple[Learner, dict[str, DataPart], torch.Tensor]:
    """The golden graph as link data whose training edges are all of its edges."""
    edges = undirected_edges(GOLDEN["published/edge_index"], NODES)
    data = LinkData(golden("x"), torch.zeros(NODES, dtype=torch.int64), edges, 0.1, 0.1)
    # All edges are trained on here; the split that the class draws is not the golden one.
    data = Golden(data, edges)
    gone = GOLDEN["published/edge_list"][:, GOLDEN["published/forget_mask"]].T
    forget = data.edge_ids(gone)
    kept = data.without({"edges": forget})
    view = data.without({}).view
    parts = {
        "forget": DataPart(data, np.sort(forget), view),
        "full": DataPart(data, data.parts["train"], view),
        "kept": DataPart(data, kept.ids, kept.view),
    }
    return Learner(network()), parts, torch.from_numpy(np.sort(forget))


class Golden(LinkData):
    def __init__(self, data: LinkData, edges: np.ndarray) -> None:
        self.__dict__.update(data.__dict__)
        self.edges, self.pairs = edges, np.concatenate([edges, data.pairs[len(data.edges) :]])
        self.parts = data.parts | {"train": np.arange(len(edges))}
        self.pair_labels = np.ones(len(self.pairs), np.int64)
        self._graph = self._build_graph


def prepared(**options) -> GNNDelete:
    """A method after `solve`, with the golden pairs in place of its own draw."""
    learner, parts, _ = published_case()
    method = GNNDelete(init="constant", masks="published", leak=True, **options)
    method.attach(learner, {n: parts[n] for n in method.needs}, Context(), {})
    method.solve()
    one_way = golden("published/edge_index")[:, golden("published/df_mask")]
    method.forget, method.random = one_way, golden("published/random_pairs")
    return method


def test_golden_neighbourhood_of_the_method():
    method = prepared()
    for hops, operator in enumerate(method.learner.network.operators, 1):
        assert torch.equal(operator.node_mask, golden(f"published/node_mask_{hops}hop"))
    seen = method.view.adjacency.to_dense().nonzero()
    wanted = golden("published/edge_index")[:, golden("published/sdf_mask")].T
    assert {tuple(e) for e in seen.tolist()} == {tuple(e) for e in wanted.tolist()}
    for number, z in enumerate(method.originals, 1):
        close(z, GOLDEN[f"published/z{number}_original"])


def test_golden_losses_and_gradients_of_the_method():
    method = prepared()
    matrices = method._matrices()
    with torch.no_grad():
        for number, matrix in enumerate(matrices, 1):
            matrix.copy_(golden(f"deletion{number}"))
    losses = method.losses(method.view)
    for layer, loss in enumerate(losses, 1):
        close(loss.dec, GOLDEN[f"loss/dec_{layer}"])
        close(loss.ni, GOLDEN[f"loss/ni_{layer}"])
    first, second = (loss.total(0.5) for loss in losses)
    close(first + second, GOLDEN["loss/total"])
    (own,) = torch.autograd.grad(first, matrices[0], retain_graph=True)
    close(own, GOLDEN["grad/W1_from_loss1"])
    left_over, other = torch.autograd.grad(second, matrices)
    close(left_over, GOLDEN["grad/W1_left_over_from_loss2"])
    close(other, GOLDEN["grad/W2_from_loss2"])


def test_golden_training_with_the_gradient_that_leaks():
    method = prepared(epochs=3)
    optimizer = method.configure_optimizers()
    for loss_wanted in GOLDEN["train3/loss"]:
        optimizer.zero_grad()
        loss = method.training_step(replace(batch_of(method)), 0)
        close(loss, loss_wanted, rtol=1e-7)
        loss.backward()
        method.on_after_backward()
        optimizer.step()
    for number, matrix in enumerate(method._matrices(), 1):
        close(matrix, GOLDEN[f"train3/W{number}"], rtol=1e-7)


def batch_of(method: GNNDelete):
    return method.train_batches()[0]


def test_without_the_leak_a_matrix_knows_its_own_loss_only():
    method = prepared()
    method.leak = False
    first, second = (loss.total(0.5) for loss in method.losses(method.view))
    assert torch.autograd.grad(second, method._matrices()[0], allow_unused=True)[0] is None
    alone = torch.autograd.grad(first, method._matrices()[0], retain_graph=True)[0]
    (first + second).backward()
    assert torch.equal(method._matrices()[0].grad, alone)


def test_it_starts_as_published_and_touches_no_weight_of_the_network():
    case = CASES["links"]()
    before = {n: t.clone() for n, t in case.learner.network.state_dict().items()}
    found = apply(GNNDelete(epochs=3), case.learner, case.parts(), Context()).learner.network
    for name, tensor in found.network.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert all(p.requires_grad for p in found.parameters())
    assert DeletionOperator(3, torch.ones(4)).weight.detach().unique().tolist() == [
        pytest.approx(0.001)
    ]


def test_what_was_frozen_comes_back_frozen():
    case = CASES["links"]()
    first = next(case.learner.parameters())
    first.requires_grad_(False)
    found = apply(GNNDelete(epochs=1), case.learner, case.parts(), Context()).learner
    flags = {name: p.requires_grad for name, p in found.named_parameters()}
    frozen = [name for name, required in flags.items() if not required]
    assert len(frozen) == 1 and frozen[0].startswith("network.network.")


def test_the_result_is_rebuilt_from_its_configuration():
    case = CASES["links"]()
    found = apply(GNNDelete(epochs=3), case.learner, case.parts(), Context())
    network = {"_target_": "mu.models.graph.GCN", "in_features": 8, "out_features": 8, "hidden": 16}
    learner = {"_target_": "mu.models.base.Learner", "network": network}
    for model in (learner, network):
        built = build(found.model_of(model))
        built = built if isinstance(built, Learner) else Learner(built)
        built.load_state_dict(found.learner.state_dict())
        x = next(iter(case.parts()["retain"].batches())).x
        assert torch.equal(built.eval()(x), found.learner(x))


def test_an_operator_of_nobody_changes_nothing():
    case = CASES["links"]()
    x = next(iter(case.parts()["retain"].batches())).x
    changed = DeletingNetwork(case.learner.network, 40, [16, 8]).eval()
    assert torch.equal(changed(x), case.learner.eval()(x))


@pytest.mark.parametrize(
    "options", [{"epochs": 0}, {"lr": 0}, {"alpha": 2}, {"init": "zeros"}, {"masks": "none"}]
)
def test_options_out_of_range_are_refused(options):
    ((name, value),) = options.items()
    with pytest.raises(UsageError, match=f"{name}={value!r}"):
        GNNDelete(**options)


def test_a_method_applied_twice_owes_nothing_to_its_first_request():
    case = CASES["links"]()
    method = GNNDelete(epochs=3, leak=True)
    first, second = (apply(method, case.learner, case.parts(), Context()) for _ in range(2))
    for name, tensor in first.learner.state_dict().items():
        assert torch.equal(tensor, second.learner.state_dict()[name])


@pytest.mark.parametrize("name", ["gcn", "tag", "appnp"])
def test_a_network_of_ones_own_is_covered_as_far_as_its_messages_go(name):
    data = nodes_of(graph(weights=True, dtype=torch.float64))
    kept = data.without({"edges": np.array([4])})
    forget = data.affected("edges", np.array([4]))
    trained = data.without({}).view
    parts = {"forget": DataPart(data, forget, trained), "full": DataPart(data, kept.ids, trained)}
    parts["kept"] = DataPart(data, kept.ids, kept.view)
    method = GNNDelete(epochs=1)
    found = apply(method, Learner(Encoder(own_network(name))), parts, Context(), {})
    hops = CONVOLUTIONS[name][2]
    assert found.facts["hops"] == [hops]
    near = neighbourhood(
        np.concatenate([data.edges, data.edges[:, ::-1]]).T, data.edges[4], hops, 30
    )
    operators = found.learner.network.operators
    assert [one.node_mask.tolist() for one in operators] == [near.tolist()]
    # Messages pass along the edges of the neighbourhood, each with its weight.
    whole = data.graph(None).adjacency.to_dense()
    wanted = whole * torch.from_numpy(np.outer(near, near))
    assert torch.equal(method.view.adjacency.to_dense(), wanted)
    assert method.view.weighted
