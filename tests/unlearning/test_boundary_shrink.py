"""Boundary shrink against the geometry of a linear classifier."""

import numpy as np
import pytest
import torch
from cases import CASES
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.predict import predict
from mu.unlearning import boundary_shrink
from mu.unlearning.base import Context, apply
from mu.unlearning.boundary_shrink import BoundaryShrink, fgsm, largest_wrong, nearest_wrong


def linear(weights):
    network = nn.Linear(weights.shape[1], weights.shape[0], bias=False).double()
    network.weight.data = torch.as_tensor(weights)
    return Learner(network)


def problem(seed, classes=4, d=6, n=10):
    rng = np.random.default_rng(seed)
    weights, x = rng.normal(size=(classes, d)), rng.normal(size=(n, d))
    y = torch.from_numpy(rng.integers(classes, size=n))
    return weights, x, Batch(torch.from_numpy(x), y, torch.arange(n), units=n)


@given(seed=st.integers(0, 1000), step=st.floats(0.01, 2.0))
def test_the_attack_of_a_linear_model_has_a_closed_form(seed, step):
    weights, x, batch = problem(seed)
    logits = x @ weights.T
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    moved = x + step * np.sign((p - np.eye(4)[batch.y.numpy()]) @ weights)
    np.testing.assert_allclose(fgsm(linear(weights), batch, step), moved, atol=1e-12)
    wrong = moved @ weights.T
    wrong[np.arange(10), batch.y.numpy()] = -np.inf
    found = nearest_wrong(linear(weights), batch, "fgsm", step)
    assert found.tolist() == wrong.argmax(1).tolist()
    assert (found != batch.y).all()


@given(seed=st.integers(0, 1000))
def test_the_boundary_of_two_classes_is_crossed_at_its_closed_form_distance(seed):
    weights, x, _ = problem(seed, classes=2)
    gap = x @ (weights[0] - weights[1])
    own = (gap < 0).astype(int)
    # The distance to {x : z_0 = z_1} in the maximum norm, which is the norm of a signed step.
    distance = np.abs(gap) / np.abs(weights[0] - weights[1]).sum()
    learner = linear(weights)
    for n, (label, far) in enumerate(zip(own, distance, strict=True)):
        one = Batch(torch.from_numpy(x[n : n + 1]), torch.tensor([label]), torch.tensor([n]))
        for step, crossed in ((far * 0.999, False), (far * 1.001, True)):
            logits = learner(fgsm(learner, one, step))
            assert (logits.argmax() != label) == crossed


@given(seed=st.integers(0, 1000))
def test_the_nearest_class_has_the_nearest_boundary(seed):
    # Rows of a simplex are equally far apart, so that only logits decide which boundary is nearest.
    rotation = np.linalg.qr(np.random.default_rng(seed).normal(size=(5, 5)))[0]
    weights = 2 * rotation[:4]
    _, x, batch = problem(seed, d=5)
    y, logits = batch.y.numpy(), x @ weights.T
    apart = np.linalg.norm(weights[y][:, None] - weights[None], axis=2)
    apart[np.arange(10), y] = 1.0
    distance = (logits[np.arange(10), y][:, None] - logits) / apart
    distance[np.arange(10), y] = np.inf
    found = nearest_wrong(linear(weights), batch, "logit")
    assert found.tolist() == distance.argmin(1).tolist()
    assert torch.equal(found, nearest_wrong(linear(weights), batch, "fgsm", 1e-9))


def test_a_binary_task_has_one_wrong_class():
    assert largest_wrong(torch.tensor([[3.0], [-1.0]]), torch.tensor([0, 1])).tolist() == [1, 0]


def test_the_search_changes_neither_mode_nor_gradients_nor_statistics():
    case = CASES["images"]()
    learner = case.learner.train()
    learner.zero_grad(set_to_none=True)
    before = {n: t.clone() for n, t in learner.state_dict().items()}
    (batch,) = list(case.parts()["forget"].batches())
    nearest_wrong(learner, batch)
    assert learner.training and learner.network.body[1].training
    assert all(p.grad is None for p in learner.parameters())
    assert all(torch.equal(t, before[n]) for n, t in learner.state_dict().items())


def test_samples_are_trained_towards_what_the_search_found(monkeypatch):
    case = CASES["images"]()
    calls = []

    def third(learner, batch, *options):
        calls.append(len(batch))
        return torch.full_like(batch.y, 3)

    monkeypatch.setattr(boundary_shrink, "nearest_wrong", third)
    method = BoundaryShrink(epochs=30, lr=0.01, batch_size=10)
    found = apply(method, case.learner, case.parts(), Context())
    assert sum(calls) == 25, "searched once"
    signals = predict(found.learner, case.parts()["forget"].batches())
    assert (signals.logits.argmax(1) == 3).all()
    assert found.meter.forward == (30 + 2) * 25
    assert found.meter.backward == (30 + 1) * 25


def test_running_statistics_do_not_see_the_forgotten_samples():
    case = CASES["images"]()
    found = apply(BoundaryShrink(lr=0.01), case.learner, case.parts(), Context()).learner
    for (name, new), old in zip(found.named_buffers(), case.learner.buffers(), strict=True):
        assert torch.equal(new, old), name


def test_a_class_is_forgotten_as_by_retraining():
    case = CASES["images"]()
    method = BoundaryShrink(epochs=3, lr=0.003)
    found = apply(method, case.learner, case.parts(), Context()).learner
    accuracy = {}
    for part in ("forget", "retain"):
        signals = predict(found, case.parts()[part].batches())
        accuracy[part] = (signals.logits.argmax(1) == signals.targets).mean()
    assert accuracy["forget"] <= 0.2
    assert accuracy["retain"] >= 0.85


@pytest.mark.parametrize("options", [{"neighbour": "pgd"}, {"step": 0.0}, {"lr": -1.0}])
def test_bad_options_are_refused(options):
    (name, value) = next(iter(options.items()))
    with pytest.raises(UsageError, match=f"{name}={value!r}"):
        BoundaryShrink(**options)
