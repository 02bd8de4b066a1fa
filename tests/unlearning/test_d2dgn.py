"""D2DGN: its losses, its teachers, what it must not see, and the shortcuts that change nothing."""

import numpy as np
import pytest
import torch
from cases import CASES, _communities
from hypothesis import given
from hypothesis import strategies as st
from own_graph_case import graph as own_graph
from own_graph_case import network as own_network
from torch import nn

from mu.data.graphs import NodeData
from mu.data.pyg import links_of
from mu.errors import StepFailed, UsageError
from mu.models.base import Learner
from mu.models.graph import GCN, Encoder
from mu.models.predict import predict
from mu.models.teachers import divergence
from mu.training.fit import Meter
from mu.unlearning.base import Context, DataPart, apply
from mu.unlearning.d2dgn import (
    D2DGN,
    element_alpha,
    feature_loss,
    softened,
    trained_on_non_edges,
    unseen_targets,
)


def links():
    return CASES["links"]()


def forgotten(case, seed=0, **options):
    method = D2DGN(**({"epochs": 5} | options))
    return apply(method, case.learner, case.parts("retained"), Context(seed=seed))


def attached(case, **options) -> D2DGN:
    """A method after `solve`, before its first step."""
    method = D2DGN(**options)
    parts = case.parts("retained")
    method.attach(case.learner, {n: parts[n] for n in method.needs}, Context(), {})
    method.solve()
    return method


def loss_of(method: D2DGN) -> torch.Tensor:
    return method.training_step(method.train_batches()[0], 0)


@given(st.lists(st.tuples(st.floats(-8, 8), st.floats(-8, 8)), min_size=1, max_size=9))
def test_the_divergence_of_pairs(values):
    student, teacher = torch.tensor(values, dtype=torch.float64).T[:, :, None]
    student = student.clone()
    student.requires_grad_(True)
    found = divergence(student, teacher)
    assert (found >= -1e-12).all()
    assert torch.allclose(divergence(teacher, teacher), torch.zeros(len(values)).double())
    (gradient,) = torch.autograd.grad(found.sum(), student)
    assert torch.allclose(gradient, student.sigmoid() - teacher.sigmoid(), atol=1e-9)


def test_the_loss_of_features_is_zero_at_the_teacher_and_the_published_sum_elsewhere():
    teacher = [torch.zeros(4, 2), torch.zeros(4, 3)]
    student = [torch.full((4, 2), 2.0), torch.full((4, 3), 3.0)]
    nodes = torch.tensor([1, 3])
    assert feature_loss(teacher, teacher, nodes) == 0
    assert feature_loss(student, teacher, nodes) == 4 + 9  # each layer divided by its own width
    assert feature_loss(student, teacher, nodes[:0]) == 0


def test_the_weight_of_elements():
    assert element_alpha(None, 390, 10) == 0.975
    case = links()
    found = forgotten(case, alpha=None)
    n_retain = len(case.parts()["retain"].ids)
    assert found.facts["alpha"] == pytest.approx(n_retain / (n_retain + 10))


def test_before_its_first_step_it_is_what_unlinking_gives():
    case = links()
    method = attached(case)
    kept = case.data.without(case.removed)
    batches = lambda: case.data.loader(case.data.universe(), kept.view)  # noqa: E731
    mine, unlinked = predict(method.learner, batches()), predict(case.learner, batches())
    np.testing.assert_array_equal(mine.logits, unlinked.logits)


def test_teachers_answer_once_and_are_never_changed():
    case = links()
    method = attached(case, transfer="both")
    first = [t.clone() for t in (*method.preserved, *method.destroyed, method.lesson.teacher)]
    assert not any(t.requires_grad for t in first)
    loss_of(method).backward()
    for parameter in method.learner.parameters():
        parameter.data -= parameter.grad
    again = (*method.preserved, *method.destroyed, method.lesson.teacher)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert method.meter.forward == 2


@pytest.mark.parametrize("destroyer", ["random", "unseen", "negatives", "retain_free"])
def test_no_message_passes_along_what_is_forgotten(destroyer, monkeypatch):
    case = links()
    seen = []
    layers = GCN.layers

    def watched(self, x):
        seen.append(x.adjacency.to_dense())
        return layers(self, x)

    monkeypatch.setattr(GCN, "layers", watched)
    forgotten(case, destroyer=destroyer)
    rows, columns = case.data.edges[case.forget].T
    assert len(seen) >= 6
    for adjacency in seen:
        if destroyer != "negatives" or adjacency.sum() == 2 * len(case.parts()["retain"].ids):
            assert adjacency[rows, columns].sum() == adjacency[columns, rows].sum() == 0 or (
                destroyer == "negatives"
            )


def test_forgotten_pairs_are_never_taught_as_pairs_without_an_edge():
    case = links()
    gone = {tuple(e) for e in case.data.edges[case.forget].tolist()}
    for sample in (None, 0, 5):
        for seed in range(5):
            method = D2DGN(sample=sample)
            parts = case.parts("retained")
            handed = {n: parts[n] for n in method.needs}
            method.attach(case.learner, handed, Context(seed=seed), {})
            method.solve()
            pairs = method.lesson.x.pairs[:, : method.lesson.retained].T.tolist()
            assert not gone & {tuple(sorted(p)) for p in pairs}


def test_the_retained_pairs_are_those_near_and_a_sample():
    case = links()
    ends = set(case.data.edges[case.forget].ravel().tolist())
    retain = case.data.edges[case.parts()["retain"].ids]
    near = {tuple(e) for e in retain.tolist() if set(e) & ends}
    method = attached(case, sample=3)
    known = {tuple(e) for e in retain.tolist()}
    pairs = [tuple(p) for p in method.lesson.x.pairs[:, : method.lesson.retained].T.tolist()]
    taken = [p for p in pairs if p in known]
    assert near <= set(taken)
    assert len(taken) == len(set(taken)) == min(len(near) + 3, len(known))
    assert all(tuple(sorted(p)) not in known for p in pairs[len(taken) :])


def test_the_receptive_field_gives_the_loss_and_gradient_of_the_whole_graph():
    case = links()
    case.learner.double()
    case.data.x = case.data.x.double()
    whole, field = (attached(case, sample=2, scope=scope) for scope in ("graph", "field"))
    found = []
    for method in (whole, field):
        loss = loss_of(method)
        found.append((loss, torch.autograd.grad(loss, list(method.learner.parameters()))))
    assert found[0][0].item() == pytest.approx(found[1][0].item(), abs=1e-12)
    for one, other in zip(found[0][1], found[1][1], strict=True):
        assert torch.allclose(one, other, atol=1e-10)


def test_a_destroyer_that_is_the_model_itself_changes_nothing():
    case = links()
    method = attached(case, destroyer="retain_free")
    loss = loss_of(method)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    for gradient in torch.autograd.grad(loss, list(method.learner.parameters())):
        assert gradient.abs().max() < 1e-5


def test_the_answers_of_unseen_edges_are_their_quantiles():
    seen = torch.linspace(0, 1, 101)[:, None]
    own = torch.tensor([[3.0], [-1.0], [0.5], [9.0]])
    found = unseen_targets(own, seen).flatten()
    assert torch.equal(found.argsort(), own.flatten().argsort())
    assert found.sort().values.tolist() == pytest.approx([0.125, 0.375, 0.625, 0.875], abs=0.005)
    assert unseen_targets(own[:1], seen).item() == pytest.approx(0.5)


@pytest.mark.parametrize("place", [-10, -30, -50])
def test_it_stops_nine_tenths_of_the_way_to_unseen_edges(place):
    case = links()
    # Edges that the model is more or less sure of.
    train = case.data.parts["train"]
    sure = predict(case.learner, case.data.loader(train)).logits[:, 0]
    case.forget = np.sort(train[sure.argsort()[place:][:10]])
    case.removed = {"edges": case.forget}
    kept = case.data.without(case.removed)
    options = {"destroyer": "unseen", "alpha": 0.1, "lr": 0.01}
    found = forgotten(case, epochs=400, stop="unseen", **options)
    stopped = found.facts["stopped"]
    assert stopped is not None
    assert 0 < stopped < 400

    def mean_logit(learner, ids):
        return float(predict(learner, case.data.loader(ids, kept.view)).logits.mean())

    unseen = case.data.parts["validation"]
    end = mean_logit(case.learner, unseen[case.data.targets(unseen) == 1])
    level = end + 0.1 * (mean_logit(case.learner, case.forget) - end)
    assert mean_logit(found.learner, case.forget) <= level + 1e-5
    before = forgotten(case, epochs=stopped - 1, **options).learner if stopped > 1 else case.learner
    assert mean_logit(before, case.forget) > level


def test_it_stops_at_once_where_nothing_is_left_to_forget():
    case = links()
    train = case.data.parts["train"]
    sure = predict(case.learner, case.data.loader(train)).logits[:, 0]
    case.forget = np.sort(train[sure.argsort()[:5]])
    case.removed = {"edges": case.forget}
    found = forgotten(case, stop="unseen")
    assert found.facts["stopped"] == 0
    for name, tensor in found.learner.state_dict().items():
        assert torch.equal(tensor, case.learner.state_dict()[name])


def test_node_numbers_do_not_matter():
    x, y, edges = _communities()
    x = x.double()
    order = np.random.default_rng(5).permutation(40)
    place = np.argsort(order)
    parts = {"train": np.arange(0, 30), "validation": np.arange(30, 34), "test": np.arange(34, 40)}
    renamed = np.sort(place[edges], axis=1)
    sorting = np.lexsort((renamed[:, 1], renamed[:, 0]))
    first = NodeData(x, y, edges, parts)
    second = NodeData(x[order], y[order], renamed[sorting], {k: place[v] for k, v in parts.items()})
    torch.manual_seed(0)
    learner = Learner(GCN(8, 2, 16)).double().eval()
    gone = np.array([3, 7])
    found = []
    for data, ids in ((first, gone), (second, np.sort(place[gone]))):
        kept = data.without({"nodes": ids})
        retain = np.setdiff1d(kept.ids, ids)
        parts_ = {
            "forget": DataPart(data, ids, kept.view),
            "retain": DataPart(data, retain, kept.view),
            "validation": DataPart(data, data.parts["validation"], kept.view),
        }
        method = D2DGN(epochs=5, transfer="both", lr=0.01)
        found.append(apply(method, learner, parts_, Context()).learner)
    for one, other in zip(found[0].parameters(), found[1].parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-8)


@pytest.mark.parametrize("transfer", ["response", "feature", "both"])
@pytest.mark.parametrize("kind", ["nodes", "features", "edges"])
def test_node_classes_are_served(transfer, kind):
    case = CASES["nodes"]()
    kept = case.data.without({kind: case.forget})
    forget = case.data.affected(kind, case.forget)
    parts = {
        "forget": DataPart(case.data, forget, kept.view),
        "retain": DataPart(case.data, np.setdiff1d(kept.ids, forget), kept.view),
        "validation": DataPart(case.data, case.data.parts["validation"], kept.view),
    }
    method = D2DGN(transfer=transfer, epochs=60, lr=0.02)
    found = apply(method, case.learner, parts, Context())
    before, after = (
        predict(m, case.data.loader(forget, kept.view)).logits
        for m in (case.learner, found.learner)
    )
    assert not np.array_equal(before, after)


def test_a_loss_that_is_no_number_fails_the_row():
    case = links()
    with pytest.raises(StepFailed, match="lower lr=1e"):
        forgotten(case, lr=1e30, epochs=30)


def test_a_network_without_embeddings_is_refused():
    case = links()
    case.learner.network = torch.nn.Linear(8, 1)
    with pytest.raises(UsageError, match="Linear fails on the first batch"):
        forgotten(case)


@pytest.mark.parametrize(
    "options",
    [
        {"transfer": "none"},
        {"alpha": 1.5},
        {"alpha": "half"},
        {"destroyer": "nobody"},
        {"temperature": 0},
        {"epochs": 0},
        {"lr": -1},
        {"sample": -1},
        {"scope": "field"},
        {"start": "middle"},
        {"stop": "later"},
    ],
)
def test_options_out_of_range_are_refused(options):
    ((name, value),) = options.items()
    with pytest.raises(
        UsageError, match=f"{name}={value!r}".replace("scope='field'", "scope=field")
    ):
        D2DGN(**options)


def test_a_destroyer_of_links_is_refused_for_nodes():
    case = CASES["nodes"]()
    with pytest.raises(UsageError, match="destroyer=negatives"):
        apply(D2DGN(destroyer="negatives"), case.learner, case.parts("retained"), Context())


def test_answers_are_softened_to_those_of_unseen_nodes_and_never_sharpened():
    logits = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * 4
    for factor in (0.5, 2.0):
        found = softened(logits, factor * logits)
        sure = [
            x.softmax(-1).max(-1).values.mean().item() for x in (found, factor * logits, logits)
        ]
        assert sure[0] == pytest.approx(min(sure[1], sure[2]), abs=1e-4)
        assert torch.equal(found.argsort(-1), logits.argsort(-1))


def test_the_edges_of_the_destroyer_weigh_what_real_ones_weigh():
    """Its network sees as many drawn edges, with the weights of the real ones."""
    data = links_of(own_graph(weights=True, dtype=torch.float64), test=0.1)
    seen = []

    class Looking(nn.Module):
        def __init__(self):
            super().__init__()
            self.own = own_network("gcn")

        def forward(self, x, edge_index, edge_weight):
            seen.append((edge_index, edge_weight))
            return self.own(x, edge_index, edge_weight)

    view = data.graph(None)
    trained_on_non_edges(Learner(Encoder(Looking())), view, 1, 0.01, 0, Meter())
    (edges, weights) = seen[0]
    up = edges[0] < edges[1]
    assert sorted(weights[up].tolist()) == sorted(data.weights.tolist())
    drawn = {tuple(pair) for pair in edges[:, up].T.tolist()}
    assert not drawn & {tuple(pair) for pair in data.edges.tolist()}
