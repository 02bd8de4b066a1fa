"""First-order unlearning: the step in closed form, replacements, its effect against the oracle."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mu.errors import UsageError
from mu.models.base import Learner
from mu.unlearning import first_order
from mu.unlearning.base import Context, LoaderPart, apply
from mu.unlearning.first_order import (
    FirstOrder,
    first_order_direction,
    with_random_labels,
    with_zero_features,
)


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def problem(seed, n=12):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 4)), rng.integers(3, size=n)
    learner = Learner(nn.Linear(4, 3, bias=False)).double()
    learner.network.weight.data = torch.from_numpy(rng.normal(size=(3, 4)))
    return learner, torch.from_numpy(x), torch.from_numpy(y)


def part(x, y, size=5):
    return LoaderPart((list(zip(x.split(size), y.split(size), strict=True)),))


def gradient(weight, x, y):
    """Sum over the points of the gradient of cross-entropy, in closed form."""
    weight, x, y = (t.detach().numpy() for t in (weight, x, y))
    return (softmax(x @ weight.T) - np.eye(3)[y]).T @ x


@given(st.integers(0, 1000), st.integers(1, 12))
def test_the_step_is_the_sum_of_gradients_however_batches_are_cut(seed, size):
    learner, x, y = problem(seed)
    found = apply(FirstOrder(tau=0.1), learner, {"forget": part(x, y, size)}, Context())
    before = learner.network.weight.detach().numpy()
    wanted = before + 0.1 * gradient(learner.network.weight, x, y)
    after = found.learner.network.weight.detach().numpy()
    np.testing.assert_allclose(after, wanted, rtol=1e-10, atol=1e-12)
    assert (found.meter.forward, found.meter.backward) == (12, 12)
    assert found.facts["n_forget"] == 12
    assert found.facts["step_norm"] == pytest.approx(np.linalg.norm(after - before))


def test_replacing_points_by_themselves_changes_nothing():
    learner, x, y = problem(0)
    found = first_order_direction(learner, [(x, y)], [(x, y)])
    assert float(found["network.weight"].abs().max()) == 0


def test_points_are_replaced_by_others():
    learner, x, y = problem(1)
    options = {"tau": 0.1, "replacement": "zero_features"}
    found = apply(FirstOrder(**options), learner, {"forget": part(x, y)}, Context())
    # A linear layer without bias has no gradient at x = 0, so only the first sum is left.
    wanted = learner.network.weight.detach().numpy() + 0.1 * gradient(learner.network.weight, x, y)
    np.testing.assert_allclose(found.learner.network.weight.detach().numpy(), wanted, atol=1e-12)
    zeros = next(with_zero_features([(x, y)]))
    assert torch.equal(zeros.y, y) and not zeros.x.any()


@given(st.integers(0, 1000), st.integers(2, 10), st.integers(1, 9))
def test_random_labels_are_wrong_and_do_not_depend_on_the_cut(seed, classes, size):
    y = torch.from_numpy(np.random.default_rng(seed).integers(classes, size=20))
    x = torch.zeros(20, 1)
    cut = zip(x.split(size), y.split(size), strict=True)
    found = torch.cat([batch.y for batch in with_random_labels(cut, classes, seed)])
    assert (found != y).all() and (found >= 0).all() and (found < classes).all()
    assert torch.equal(found, next(with_random_labels([(x, y)], classes, seed)).y)


def test_only_the_last_tensors_move():
    torch.manual_seed(0)
    learner = Learner(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)))
    x, y = torch.randn(6, 4), torch.tensor([0, 1, 2, 0, 1, 2])
    method = FirstOrder(tau=0.1, tensors=2)
    found = apply(method, learner, {"forget": part(x, y)}, Context()).learner.network
    assert torch.equal(found[0].weight, learner.network[0].weight)
    assert torch.equal(found[0].bias, learner.network[0].bias)
    assert not torch.equal(found[2].weight, learner.network[2].weight)


def trained(x, y):
    torch.manual_seed(0)
    learner = Learner(nn.Linear(4, 3)).double()
    optimizer = torch.optim.LBFGS(learner.parameters(), max_iter=200)

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(learner.network(x), y)
        loss = loss + 0.01 * sum(p.square().sum() for p in learner.parameters())
        loss.backward()
        return loss

    optimizer.step(closure)
    return learner.eval()


def test_a_small_step_moves_towards_the_retrained_model():
    _, x, y = problem(3, n=60)
    original, oracle = trained(x, y), trained(x[6:], y[6:])
    parts = {"forget": part(x[:6], y[:6])}
    found = apply(FirstOrder(tau=0.02), original, parts, Context()).learner

    def away(model):
        pairs = zip(model.parameters(), oracle.parameters(), strict=True)
        return float(sum((a - b).square().sum() for a, b in pairs).detach())

    assert away(found) < away(original)
    back = copy.deepcopy(original)
    with torch.no_grad():  # the opposite step moves away
        for a, b, c in zip(
            back.parameters(), original.parameters(), found.parameters(), strict=True
        ):
            a.copy_(2 * b - c)
    assert away(back) > away(original)


def test_the_public_function_is_what_runs(monkeypatch):
    def stub(*_):
        raise ZeroDivisionError

    learner, x, y = problem(0)
    monkeypatch.setattr(first_order, "first_order_direction", stub)
    with pytest.raises(ZeroDivisionError):
        apply(FirstOrder(), learner, {"forget": part(x, y)}, Context())


@pytest.mark.parametrize(
    "options", [{"tau": 0.0}, {"tau": float("inf")}, {"replacement": "noise"}, {"tensors": 0}]
)
def test_bad_options_are_refused(options):
    ((name, value),) = options.items()
    with pytest.raises(UsageError, match=f"{name}={value!r}"):
        FirstOrder(**options)


def test_bad_data_are_refused_and_the_model_is_untouched():
    learner, x, y = problem(0)
    before = learner.network.weight.clone()
    x[0, 0] = float("nan")
    with pytest.raises(UsageError, match="not finite"):
        apply(FirstOrder(), learner, {"forget": part(x, y)}, Context())
    with pytest.raises(UsageError, match="no samples"):
        apply(FirstOrder(), learner, {"forget": LoaderPart(([],))}, Context())
    assert torch.equal(learner.network.weight, before)
