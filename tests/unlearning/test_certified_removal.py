import copy
import warnings
from functools import cache

import cases
import numpy as np
import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from influence_case import GOLDEN
from torch import nn
from torch.nn.utils import parametrizations
from torchvision.models import mobilenet_v3_small, resnet18

import mu
from mu.errors import StepFailed, UsageError
from mu.models.base import Learner
from mu.unlearning import certified_removal
from mu.unlearning.base import Context, DataPart, LoaderPart, apply
from mu.unlearning.certified_removal import (
    CertifiedRemoval,
    Heads,
    folded,
    head_rows,
    radius_of,
    removal_update,
    residual_bound,
    residual_budget,
    signs,
    train_head,
)
from mu.unlearning.heads import logistic_head
from mu.unlearning.heads.logistic_head import SHARP_GAMMA, gradient, spectral_norm


@cache
def problem():
    return cases.images()


def golden(name):
    return torch.from_numpy(np.asarray(GOLDEN[f"cr/{name}"])).double()


X, Y, LAM, B = golden("x"), golden("y"), float(GOLDEN["cr/lam"]), golden("b")


def close(found, wanted, rtol=1e-8):
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=rtol, atol=1e-14)


def test_golden_optimum():
    w = train_head(X, Y, LAM, B)
    close(w, golden("w"))
    assert float(gradient(w, X, Y, LAM, B).norm()) < 1e-13


def test_golden_removals_one_after_another():
    w, kept = golden("w"), torch.ones(len(X), dtype=torch.bool)
    total = 0.0
    for k, j in enumerate(GOLDEN["cr/order"]):
        kept[j] = False
        step = removal_update(w, X[j : j + 1], Y[j : j + 1], X[kept], LAM)
        w = w + step
        close(w, golden("w_after")[k])
        close(w, golden("official_w_after")[k], rtol=1e-6)
        close(spectral_norm(X[kept]), golden("spectral_norm")[k])
        bound = residual_bound(X[kept], step)
        close(bound, golden("bound")[k])
        residual = float(gradient(w, X[kept], Y[kept], LAM, B).norm())
        close(residual, golden("residual")[k])
        total += bound
        assert residual <= total * SHARP_GAMMA * 4
    close(train_head(X[kept], Y[kept], LAM, B), golden("w_retrained"))


def test_golden_removal_at_once():
    gone = torch.from_numpy(GOLDEN["cr/order"])
    kept = torch.ones(len(X), dtype=torch.bool)
    kept[gone] = False
    step = removal_update(golden("w"), X[gone], Y[gone], X[kept], LAM)
    w = golden("w") + step
    close(w, golden("batch_w_after"))
    close(residual_bound(X[kept], step), golden("batch_bound"))
    close(gradient(w, X[kept], Y[kept], LAM, B).norm(), golden("batch_residual"))


def random_rows(seed, n, d, heads):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator).double()
    y = torch.randint(heads, (n,), generator=generator)
    return x / x.norm(dim=1).max(), signs(y, heads)


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(12, 60),
    d=st.integers(1, 6),
    lam=st.floats(0.003, 1.0),
    sigma=st.floats(0.01, 3.0),
    at_once=st.integers(1, 3),
    gamma=st.sampled_from([0.25, SHARP_GAMMA]),
)
def test_the_accumulated_bound_is_above_the_true_residual(seed, n, d, lam, sigma, at_once, gamma):
    x, y = random_rows(seed, n, d, 3)
    heads = Heads.train(x, y, lam, sigma, seed, draws=0, radius=1.0)
    for start in range(0, 9, at_once):
        stop = start + at_once
        heads.remove(x[start:stop], y[start:stop], x[stop:], lam, gamma)
        residuals = [
            float(gradient(w, x[stop:], y[stop:, k], lam, b).norm())
            for k, (w, b) in enumerate(zip(heads.weights, heads.perturbation, strict=True))
        ]
        assert all(r <= b + 1e-10 for r, b in zip(residuals, heads.bounds.tolist(), strict=True))
        assert np.linalg.norm(residuals) <= heads.bound + 1e-10


def test_the_bound_of_a_matrix_is_the_norm():
    heads = Heads(X, X, torch.tensor([3.0, 4.0]).double(), 1.0, 1, 1)
    assert heads.bound == pytest.approx(5.0)
    back = Heads.recall(heads.memory())
    assert (back.bound, back.radius, back.draws, back.rows) == (heads.bound, 1.0, 1, 1)


def test_perturbations_are_never_drawn_twice():
    x, y = random_rows(0, 20, 3, 2)
    found = [Heads.train(x, y, 0.1, 2.0, 0, draws, 1.0).perturbation for draws in range(300)]
    drawn = torch.cat(found).flatten()
    assert len(torch.unique(drawn)) == len(drawn)
    assert float(drawn.std()) == pytest.approx(2.0, rel=0.1)


@given(seed=st.integers(0, 10**6), bias=st.booleans(), scale=st.floats(0.01, 100))
def test_folding_gives_the_same_logits(seed, bias, scale):
    generator = torch.Generator().manual_seed(seed)
    features = scale * torch.randn(7, 3, generator=generator)
    radius = radius_of(features)
    rows = head_rows(features, radius, bias)
    assert float(rows.norm(dim=1).max()) <= 1 + 1e-12
    weights = torch.randn(2, rows.shape[1], generator=generator).double()
    weight, added = folded(weights, radius, bias)
    found = features.double() @ weight.T + (0 if added is None else added)
    torch.testing.assert_close(found, rows @ weights.T)


def images(learner=None, forget=None, **options):
    """One request on the toy; returns what is left and the parts it read."""
    case = problem()
    view = case.parts()["forget"].view
    forget = case.forget[:1] if forget is None else forget
    retain = np.setdiff1d(case.data.parts["train"], forget)
    parts = {
        "forget": DataPart(case.data, forget, view),
        "retain": DataPart(case.data, retain, view),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = apply(CertifiedRemoval(**options), learner or case.learner, parts, Context())
    return found, parts


def test_only_the_head_changes_and_it_has_the_logits_of_the_heads():
    case = problem()
    found, parts = images()
    before, after = case.learner.state_dict(), found.learner.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"network.head.weight", "network.head.bias"}
    heads = Heads.recall(found.memory)
    batch = next(iter(parts["retain"].batches()))
    with torch.no_grad():
        rows = head_rows(found.learner.features(batch), heads.radius, bias=True)
        logits = found.learner(batch.x).double()
    torch.testing.assert_close(rows @ heads.weights.T, logits, rtol=1e-4, atol=1e-4)


def test_a_removal_within_the_budget_is_the_newton_step():
    found, parts = images()
    assert not found.facts["retrained"] and found.facts["removed"] == 1
    assert 0 < found.facts["bound"] <= found.facts["budget"] == residual_budget(1.0, 1.0, 1e-4)
    heads = Heads.recall(found.memory)
    whole = CertifiedRemoval()
    x, y = rows_of(found, parts, heads.radius)
    w = Heads.train(x, y, whole.lam, whole.sigma, 0, 0, heads.radius).weights
    step = removal_update(w[0], x[-1:], y[-1:, 0], x[:-1], whole.lam)
    close(heads.weights[0], w[0] + step)
    assert (found.meter.forward, found.meter.backward) == (100, 0)
    assert found.upfront == {"forward": 100, "backward": 0}


def rows_of(found, parts, radius):
    """Scaled rows and signs of D, retained samples first."""
    features, labels = [], []
    for part in ("retain", "forget"):
        batch = next(iter(parts[part].batches()))
        with torch.no_grad():
            features.append(found.learner.features(batch))
        labels.append(batch.y)
    return head_rows(torch.cat(features), radius, True), signs(torch.cat(labels), 4)


def test_beyond_the_budget_the_heads_are_trained_again_and_the_card_says_so():
    found, parts = images(forget=problem().forget)
    assert found.facts["retrained"] and "exceeds the budget" in found.facts["retrained_because"]
    assert found.facts["bound"] < 1e-9
    heads = Heads.recall(found.memory)
    x, y = rows_of(found, parts, heads.radius)
    kept = slice(0, 75)
    again = Heads.train(x[kept], y[kept], 0.003, 1.0, 0, 1, heads.radius)
    close(heads.weights, again.weights, rtol=1e-6)
    close(heads.perturbation, again.perturbation)
    first = Heads.train(x, y, 0.003, 1.0, 0, 0, heads.radius)
    assert not torch.equal(heads.perturbation, first.perturbation)


def test_a_sequence_adds_up_until_it_is_trained_again():
    case = problem()
    view, left = case.parts()["forget"].view, case.data.parts["train"]
    learner, memory, bounds, retrained = case.learner, {}, [], []
    for sample in case.forget[:8]:
        left = np.setdiff1d(left, [sample])
        parts = {
            "forget": DataPart(case.data, np.array([sample]), view),
            "retain": DataPart(case.data, left, view),
        }
        with pytest.warns(UserWarning, match="covers the head only"):
            found = apply(CertifiedRemoval(), learner, parts, Context(), memory)
        learner, memory = found.learner, found.memory
        bounds.append(found.facts["bound"])
        retrained.append(found.facts["retrained"])
        assert found.facts["bound"] <= found.facts["budget"]
    assert True in retrained[1:] and False in retrained
    for k in range(1, len(bounds)):
        assert (bounds[k] > bounds[k - 1]) != retrained[k]
    assert found.upfront == {"forward": 0, "backward": 0}


def test_a_sequence_with_a_gap_is_refused():
    found, parts = images()
    with pytest.raises(UsageError, match="left with 99 samples, but forget and retain have 100"):
        apply(CertifiedRemoval(), found.learner, parts, Context(), found.memory)


def test_a_radius_that_only_the_forgotten_needs_is_not_kept():
    case = problem()
    data = copy.copy(case.data)
    data.x = data.x.clone()
    data.x[:1] *= 30
    view = data.without({}).view
    parts = {
        "forget": DataPart(data, np.array([0]), view),
        "retain": DataPart(data, np.arange(1, 100), view),
    }
    with pytest.warns(UserWarning, match="head only"):
        found = apply(CertifiedRemoval(), case.learner, parts, Context())
    assert "radius" in found.facts["retrained_because"] and found.facts["retrained"]


def test_a_clean_extractor_is_not_warned_about():
    assert images(features_clean=True)[0].warnings == []
    assert "head only" in images()[0].warnings[0]


def test_it_forgets_as_the_oracle_head_does():
    """The retrained head of the same perturbation is the oracle; ascent of the loss towards it."""
    forget = problem().forget
    found, parts = images(forget=forget, sigma=30.0, epsilon=100.0, lam=0.02, at_once=1)
    assert not found.facts["retrained"]
    heads = Heads.recall(found.memory)
    x, y = rows_of(found, parts, heads.radius)
    b = heads.perturbation
    original = torch.stack([train_head(x, own, 0.02, n) for own, n in zip(y.T, b, strict=True)])
    oracle = torch.stack(
        [train_head(x[:75], own, 0.02, n) for own, n in zip(y[:75].T, b, strict=True)]
    )
    assert float((heads.weights - oracle).norm()) < 0.2 * float((original - oracle).norm())
    losses = [
        float(nn.functional.softplus(-y[75:] * (x[75:] @ w.T)).mean())
        for w in (original, heads.weights, oracle)
    ]
    assert losses[0] < losses[1] and abs(losses[1] - losses[2]) < 0.3 * (losses[2] - losses[0])


def test_one_logit_means_one_head_of_two_classes():
    class Binary(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(2, 1)

        def features(self, x):
            return x

        def forward(self, x):
            return self.head(x)

    torch.manual_seed(0)
    x = torch.randn(80, 2)
    y = (x[:, 0] > 0).long()
    parts = {
        "forget": LoaderPart(([(x[:1], y[:1])],)),
        "retain": LoaderPart(([(x[1:40], y[1:40]), (x[40:], y[40:])],)),
    }
    with pytest.warns(UserWarning, match="head only"):
        found = apply(CertifiedRemoval(sigma=0.1), Learner(Binary()), parts, Context())
    assert float((((found.learner(x)[:, 0]) > 0).long() == y).float().mean()) > 0.9


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"epsilon": 0}, "epsilon=0"),
        ({"delta": 1.0}, "delta=1.0"),
        ({"sigma": 0}, "sigma=0"),
        ({"lam": 0}, "lam=0"),
        ({"radius": -1.0}, "radius=-1.0"),
        ({"gamma": "half"}, "gamma='half' is not one of paper, sharp"),
        ({"at_once": 0}, "at_once=0"),
    ],
)
def test_bad_options(options, match):
    with pytest.raises(UsageError, match=match):
        CertifiedRemoval(**options)


def test_bad_requests():
    with pytest.raises(UsageError, match=r"radius=0.5, but a feature has norm"):
        images(radius=0.5)
    empty = np.empty(0, np.int64)
    with pytest.raises(UsageError, match="no samples to forget"):
        images(forget=empty)
    case = problem()
    learner = copy.deepcopy(case.learner)
    learner.network.classify = lambda features: 2 * learner.network.head(features)
    with pytest.raises(UsageError, match="are not the outputs of a linear layer"):
        images(learner=learner)
    convolution = Learner(nn.Conv2d(1, 2, 3))
    with pytest.raises(UsageError, match=r"logits \(n, C\) are needed"):
        images(learner=convolution)
    with pytest.raises(UsageError, match="of 0 to 1"):
        signs(torch.tensor([0, 2]), 2)
    with pytest.raises(UsageError, match="norm at most 1"):
        residual_bound(2 * torch.eye(2), torch.ones(2))
    with pytest.raises(UsageError, match="-1 and 1"):
        train_head(X, Y + 1, LAM, B)
    with pytest.raises(UsageError, match="both are needed"):
        removal_update(B, X[:0], Y[:0], X, LAM)


@pytest.mark.parametrize("name", ["train_head", "removal_update", "residual_bound"])
def test_the_public_functions_are_what_runs(monkeypatch, name):
    def stub(*_, **__):
        raise RuntimeError("stub")

    monkeypatch.setattr(certified_removal, name, stub)
    with pytest.raises(RuntimeError, match="stub"):
        images()


NETWORKS = {
    "resnet18": lambda: resnet18(num_classes=3),
    "mobilenet": lambda: mobilenet_v3_small(num_classes=3),
    "vit": lambda: timm.create_model("vit_tiny_patch16_224", img_size=32, depth=1, num_classes=3),
}


@pytest.mark.filterwarnings("ignore:the certificate covers")
@pytest.mark.parametrize("name", NETWORKS)
def test_heads_of_torchvision_and_timm_are_replaced_and_nothing_else(name):
    torch.manual_seed(0)
    network, x, y = NETWORKS[name]().eval(), torch.rand(12, 3, 32, 32), torch.arange(12) % 3
    loaders = {"forget": [(x[:2], y[:2])], "retain": [(x[2:], y[2:])]}
    found = mu.unlearn(network, "certified_removal", **loaders)
    before = network.state_dict()
    changed = {n for n, t in found.state_dict().items() if not torch.equal(t, before[n])}
    head = {"resnet18": "fc", "mobilenet": "classifier.3", "vit": "head"}[name]
    assert changed == {f"{head}.weight", f"{head}.bias"}


def test_a_head_that_is_not_its_own_weights_is_refused():
    x, y = torch.rand(6, 4), torch.arange(6) % 3
    loaders = {"forget": [(x[:2], y[:2])], "retain": [(x[2:], y[2:])]}
    network = nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 3)))
    for name in ("certified_removal", "head_retraining"):
        with pytest.raises(UsageError, match="computed of others"):
            mu.unlearn(network, name, **loaders)
    plain = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    plain[1].requires_grad_(False)
    with pytest.raises(UsageError, match="is frozen in the model"):
        mu.unlearn(plain, "certified_removal", **loaders)


def test_a_factored_hessian_serves_several_steps(monkeypatch):
    formed = []
    exact = logistic_head.hessian
    monkeypatch.setattr(logistic_head, "hessian", lambda *a: formed.append(1) or exact(*a))
    close(train_head(X, Y, LAM, B), golden("w"))
    assert len(formed) <= 2


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e160, 1e200])
def test_numbers_that_are_not_finite_end_in_the_reason(value):
    x = X.clone()
    x[0, 0] = value
    with pytest.raises(StepFailed, match="the head has a gradient of"):
        train_head(x, Y, LAM, B)
