"""GIF: its direction against a difference computed by hand, and its step against retraining."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from cases import CASES, _communities
from own_graph_case import CONVOLUTIONS, WEIGHTED, graph, network

import mu
from mu.data.graphs import NodeData
from mu.data.pyg import links_of
from mu.forget_sets.files import Request
from mu.models.base import Learner
from mu.models.graph import GCN, Encoder, GraphNetwork
from mu.models.sparse import product, propagation
from mu.unlearning.base import Context, DataPart, apply
from mu.unlearning.gif import GIF, seen_without


def direction(case, **options):
    method = GIF(**options)
    parts = case.parts()
    method.attach(case.learner, {n: parts[n] for n in method.needs}, Context(), {})
    return method._direction()


def mean_gradient(learner, batch, count):
    loss = learner.loss(*learner.outputs(batch), "sum") / count
    found = torch.autograd.grad(loss, list(learner.parameters()))
    return torch.cat([g.flatten() for g in found]).double()


@pytest.mark.parametrize("name", ["links", "nodes"])
def test_the_direction_is_the_change_of_the_gradient(name):
    case = CASES[name]()
    kept = case.data.without(case.removed)
    (before,) = case.data.loader(case.data.parts["train"], train=True)
    stays = ~np.isin(before.index.numpy(), case.forget)
    graph = case.data.graph(kept.view)
    asked = {"nodes": None, "pairs": None}
    if name == "links":
        asked["pairs"] = before.x.pairs[:, stays]
    else:
        asked["nodes"] = before.x.nodes[stays]
    after = replace(before, x=replace(graph, **asked), y=before.y[stays], index=before.index[stays])
    wanted = mean_gradient(case.learner, before, len(before)) - mean_gradient(
        case.learner, after, len(before)
    )
    assert torch.allclose(direction(case), wanted, atol=1e-8)


def test_both_sums_hold_the_same_drawn_pairs():
    case = CASES["links"]()
    (batch,) = case.data.loader(case.data.parts["train"], train=True)
    kept = case.data.without(case.removed)
    found = seen_without(batch, case.data.graph(kept.view), torch.from_numpy(kept.ids))
    assert torch.equal(found.x.pairs[:, found.index < 0], batch.x.pairs[:, batch.index < 0])
    assert not np.isin(found.index.numpy(), case.forget).any()
    assert found.x.adjacency.to_dense().sum() == 2 * len(kept.ids)


class Linear(GraphNetwork):
    """One propagation and a linear map: its loss is convex, so a Newton step can be judged."""

    depth = 1

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(8, 2, bias=False)

    def layer(self, number, h, x):
        return self.linear(product(propagation(x, "gcn"), x.features))


def minimised(learner, batch, damping):
    optimizer = torch.optim.LBFGS(
        learner.parameters(), max_iter=500, tolerance_grad=1e-12, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        penalty = sum(p.square().sum() for p in learner.parameters())
        loss = learner.loss(*learner.outputs(batch)) + damping / 2 * penalty
        loss.backward()
        return loss

    optimizer.step(closure)
    return learner


def test_on_a_convex_model_it_lands_next_to_retraining():
    x, y, edges = _communities()
    parts = {"train": np.arange(0, 30), "validation": np.arange(30, 34), "test": np.arange(34, 40)}
    data = NodeData(x.double(), y, edges, parts)
    gone, damping = np.array([4]), 0.05
    kept = data.without({"nodes": gone})
    (whole,), (rest,) = data.loader(parts["train"]), data.loader(kept.ids, kept.view)
    learner = minimised(Learner(Linear().double()), whole, damping)
    oracle = minimised(Learner(Linear().double()), rest, damping)
    view = data.without({}).view
    handed = {
        "full": DataPart(data, parts["train"], view),
        "retain": DataPart(data, kept.ids, view),
        "kept": DataPart(data, kept.ids, kept.view),
    }
    found = apply(GIF(damping=damping, iterations=50), learner, handed, Context()).learner
    (before, after, target) = (
        torch.cat([p.flatten() for p in m.parameters()]) for m in (learner, found, oracle)
    )
    assert (after - target).norm() < 0.35 * (before - target).norm()


def test_feature_requests_are_served():
    case = CASES["nodes"]()
    case.removed = {"features": case.forget}
    assert direction(case).norm() > 0
    assert GCN is type(case.learner.network)


@pytest.mark.parametrize("method", ["gif", "influence"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_networks_of_ones_own_take_a_step_with_the_defaults(name, method):
    data = links_of(graph(name in WEIGHTED, torch.float64), test=0.1)
    net = Encoder(network(name))
    new = mu.unlearn(net, method, data=data, request=Request("edges", np.array([4])))
    assert new.unlearning["step_norm"] > 0
    assert any(
        not torch.equal(a, b) for a, b in zip(new.parameters(), net.parameters(), strict=True)
    )
