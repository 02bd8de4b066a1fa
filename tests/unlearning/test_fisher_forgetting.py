"""Fisher forgetting: the Fisher of a softmax in closed form, the noise by its moments."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mu.errors import UsageError
from mu.models.base import Learner, as_batch, evaluation_mode
from mu.unlearning import fisher_forgetting
from mu.unlearning.base import Context, LoaderPart, apply
from mu.unlearning.fisher_forgetting import (
    FisherForgetting,
    add_noise,
    noise_variance,
    predicted,
    with_drawn_labels,
)


def linear(seed=0, classes=3, n=40):
    torch.manual_seed(seed)
    learner = Learner(nn.Linear(4, classes)).double()
    x = torch.randn(n, 4, dtype=torch.double)
    y = torch.randint(max(classes, 2), (n,))
    return learner, x, LoaderPart((list(zip(x.split(7), y.split(7), strict=True)),))


def fisher_of(method, learner, part, seed=0):
    method.attach(learner, {"retain": part}, Context(seed=seed), {})
    return method.fisher()


@pytest.mark.parametrize("classes", [1, 3])
def test_the_expected_fisher_of_a_linear_model_has_a_closed_form(classes):
    # Σ_y p_y (p_c − [y = c])² = p_c (1 − p_c): labels do not enter.
    learner, x, part = linear(classes=classes)
    found = fisher_of(FisherForgetting(samples=None), learner, part)
    logits = learner(x).detach()
    p = torch.sigmoid(logits) if classes == 1 else torch.softmax(logits, 1)
    spread = p * (1 - p)
    torch.testing.assert_close(found["network.bias"], spread.mean(0))
    torch.testing.assert_close(found["network.weight"], spread.T @ x.square() / len(x))


def test_drawn_labels_estimate_the_same_fisher():
    learner, _, part = linear(n=60)
    exact = fisher_of(FisherForgetting(samples=None), learner, part)
    draw = FisherForgetting(samples=None, labels="sampled")
    draws = [fisher_of(draw, learner, part, seed) for seed in range(60)]
    for name, wanted in exact.items():
        several = torch.stack([d[name] for d in draws])
        error = (several.mean(0) - wanted) / (several.std(0) / len(draws) ** 0.5)
        assert error.abs().max() < 4, "within four standard errors"


def test_labels_are_drawn_from_the_models_own_prediction():
    learner, _, part = linear(n=1)
    (x, y), *_ = list(part.batches())
    many = [(x.expand(4000, -1), y.expand(4000))]
    batches = LoaderPart((many,)).batches()
    from mu.models.base import as_batch

    generator = torch.Generator().manual_seed(0)
    (found,) = with_drawn_labels(learner, map(as_batch, batches), generator)
    share = torch.bincount(found.y, minlength=3) / 4000
    torch.testing.assert_close(share.double(), predicted(learner(x))[0].detach(), rtol=0, atol=0.03)


@given(
    fisher=st.floats(0, 100),
    alpha=st.floats(1e-8, 1.0),
    clamp=st.floats(1e-3, 1e6),
    power=st.sampled_from([0.5, 1.0]),
)
def test_the_variance_falls_with_the_fisher_and_is_bounded(fisher, alpha, clamp, power):
    values = torch.tensor([fisher, fisher + 1.0], dtype=torch.double)
    low, high = noise_variance(values, alpha, clamp, power).tolist()
    assert high <= low <= alpha * clamp * (1 + 1e-9)
    wanted = alpha * min(1 / (fisher + 1e-8) ** power, clamp)
    assert low == pytest.approx(wanted, rel=1e-9)


def test_noise_has_the_moments_it_should_have_and_spares_what_is_not_named():
    model = nn.Sequential(nn.Linear(200, 200), nn.BatchNorm1d(200))
    before = {n: t.clone() for n, t in model.state_dict().items()}
    variance = torch.rand(200, 200, generator=torch.Generator().manual_seed(0)) + 0.01
    add_noise(model, {"0.weight": variance}, seed=1)
    after = model.state_dict()
    unit = (after["0.weight"] - before["0.weight"]) / variance.sqrt()
    assert float(unit.mean()) == pytest.approx(0, abs=0.02)
    assert float(unit.var()) == pytest.approx(1, abs=0.03)
    assert all(torch.equal(after[n], t) for n, t in before.items() if n != "0.weight")


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_the_noise_of_a_request_is_that_of_the_closed_form(power):
    learner, x, part = linear(n=7)
    method = FisherForgetting(alpha=0.01, samples=None, power=power)
    p = torch.softmax(learner(x).detach(), 1)
    wanted = 0.01 * ((p * (1 - p)).mean(0) + 1e-8) ** -power
    bias = [
        apply(method, learner, {"retain": part}, Context(seed=seed)).learner.network.bias.detach()
        for seed in range(100)
    ]
    unit = (torch.stack(bias) - learner.network.bias.detach()) / wanted.sqrt()
    assert float(unit.mean()) == pytest.approx(0, abs=0.15)
    assert float(unit.var()) == pytest.approx(1, abs=0.2)


def test_samples_bound_the_cost_and_every_pass_is_counted():
    learner, _, part = linear(n=40)
    found = apply(FisherForgetting(samples=10), learner, {"retain": part}, Context())
    looks = 1  # one sample is read to see how many classes there are
    assert (found.meter.forward, found.meter.backward) == (3 * 10 + looks, 3 * 10)
    method = FisherForgetting(samples=10, labels="sampled")
    found = apply(method, learner, {"retain": part}, Context())
    assert (found.meter.forward, found.meter.backward) == (2 * 10, 10)


def test_the_noise_is_scaled_by_the_function(monkeypatch):
    monkeypatch.setattr(fisher_forgetting, "noise_variance", lambda f, *_: torch.zeros_like(f))
    learner, _, part = linear()
    found = apply(FisherForgetting(), learner, {"retain": part}, Context()).learner
    assert torch.equal(found.network.weight, learner.network.weight)


def loss(learner, part):
    (batch,) = list(part.batches())
    with torch.no_grad(), evaluation_mode(learner):
        return float(learner.batch_loss(as_batch(batch)))


def test_a_class_loses_more_than_the_others():
    # Each class has an input of its own, so the weights of the third are not needed by the others.
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 3
    x = torch.eye(3)[y] + 0.05 * torch.randn(60, 3, generator=generator)
    network = torch.nn.Linear(3, 3)
    network.weight.data, network.bias.data = 4 * torch.eye(3), torch.zeros(3)
    learner = Learner(network)
    parts = {
        "forget": LoaderPart(([(x[y == 2], y[y == 2])],)),
        "retain": LoaderPart(([(x[y != 2], y[y != 2])],)),
    }
    rises = []
    for seed in range(20):
        method = FisherForgetting(alpha=0.01)
        found = apply(method, learner, parts, Context(seed=seed)).learner
        rises.append([loss(found, parts[p]) - loss(learner, parts[p]) for p in parts])
    forget, retain = np.mean(rises, axis=0)
    assert forget > 2 * max(retain, 0.0)
    assert forget > 0.1


@pytest.mark.parametrize(
    "options", [{"alpha": 0.0}, {"clamp": float("inf")}, {"labels": "own"}, {"samples": 0}]
)
def test_bad_options_are_refused(options):
    learner, _, part = linear()
    with pytest.raises(UsageError, match=next(iter(options))):
        apply(FisherForgetting(**options), learner, {"retain": part}, Context())
