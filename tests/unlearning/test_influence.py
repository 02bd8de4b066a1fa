from functools import cache

import cases
import numpy as np
import pytest
import torch
from influence_case import (
    GOLDEN,
    golden_batches,
    golden_learner,
    golden_vector,
    least_squares,
    regression,
    relative,
)
from torch import nn

from mu.configuration.choices import choices, options_of, read_yaml
from mu.data.build import build
from mu.errors import StepFailed, UsageError
from mu.gradients import conjugate, hessian
from mu.gradients.vectors import to_vector, trained
from mu.models.base import Learner
from mu.unlearning import influence as module
from mu.unlearning.base import Context, DataPart, LoaderPart, apply
from mu.unlearning.iau import update_direction
from mu.unlearning.influence import Influence, influence_direction


@cache
def problem():
    return cases.images()


def golden_run(seed=0, size=16, **options):
    parts = {
        "forget": LoaderPart((golden_batches("forget", size),)),
        "retain": LoaderPart((golden_batches("remain", size),)),
    }
    return apply(Influence(**options), golden_learner(), parts, Context(seed=seed))


def weights(found):
    return to_vector(trained(found.learner))


def test_golden_direction():
    n_r, n_f = 40, 8
    remain, forget = golden_vector("grad_remain_mean"), golden_vector("grad_forget_mean")
    found = influence_direction(n_f * forget, n_f, n_r * remain, n_r)
    assert relative(found, golden_vector("wfisher/direction")) < 1e-12


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"curvature": "woodfisher", "damping": 0.01}, "wfisher/damped_solution"),
        ({"curvature": "identity"}, "wfisher/direction"),
    ],
)
def test_golden_steps(options, wanted):
    found = golden_run(samples=None, scale=2.0, **options)
    assert relative(weights(found) - golden_vector("init"), 2 * golden_vector(wanted)) < 1e-10


def test_golden_output_of_the_published_code():
    found = golden_run(curvature="woodfisher_published", scale=float(GOLDEN["wfisher/alpha"]))
    assert relative(weights(found), golden_vector("wfisher/official_out")) < 1e-12


@pytest.mark.parametrize(
    "options",
    [
        {"curvature": "cg", "iterations": 100, "tolerance": 1e-10},
        {"curvature": "lissa", "iterations": 100, "lissa_scale": 4.0},
    ],
)
def test_golden_hessian_steps(options):
    # g = ḡ_r − ḡ_f is −(n/n_f) v, so the golden solutions for g are ours, scaled
    found = golden_run(samples=None, damping=2.0, matrix="hessian", **options)
    wanted = golden_vector("hessian/solve") * -(8 / 48)
    assert relative(weights(found) - golden_vector("init"), wanted) < 1e-8
    assert found.facts["iterations"] <= 100 and found.facts["residual"] < 1e-9


@pytest.mark.parametrize("curvature", ["cg", "woodfisher", "identity", "lissa"])
def test_it_does_not_depend_on_the_batches(curvature):
    options = {"curvature": curvature, "samples": None, "damping": 2.0}
    whole = weights(golden_run(size=40, **options)) - golden_vector("init")
    cut = weights(golden_run(size=7, **options)) - golden_vector("init")
    assert relative(cut, whole) < 1e-9


def test_identity_is_the_plain_step_of_iau():
    g = update_direction(golden_learner(), golden_batches("remain"), golden_batches("forget"))
    found = golden_run(curvature="identity", scale=3.0)
    wanted = golden_vector("init") - 3.0 * 8 / 48 * to_vector(g)
    assert relative(weights(found), wanted) < 1e-14


@pytest.mark.parametrize("n_f", [1, 7, 20])
@pytest.mark.parametrize(
    "options",
    [
        {"curvature": "cg", "iterations": 50, "tolerance": 1e-13},
        {"curvature": "cg", "iterations": 50, "tolerance": 1e-13, "matrix": "hessian"},
        {"curvature": "lissa", "iterations": 400, "lissa_scale": 1.5},
    ],
)
def test_least_squares_at_its_minimum_gives_retraining(n_f, options):
    x, y, learner = regression()
    parts = {
        "forget": LoaderPart(([(x[:n_f], y[:n_f])],)),
        "retain": LoaderPart(([(x[n_f:], y[n_f:])],)),
    }
    method = Influence(damping=0.0, samples=None, **options)
    found = apply(method, learner, parts, Context()).learner.network.weight.data
    oracle = least_squares(x[n_f:], y[n_f:])
    assert relative(found, oracle) < 1e-8
    assert relative(learner.network.weight.data, oracle) > 1e-3


def test_negative_curvature_raises_instead_of_stepping():
    with pytest.raises(StepFailed, match=r"negative curvature.*raise damping"):
        golden_run(damping=0.1, samples=None, iterations=50, matrix="hessian")


def test_divergence_raises_instead_of_stepping():
    with pytest.raises(StepFailed, match="LiSSA diverges"):
        golden_run(curvature="lissa", damping=2.0, lissa_scale=1.0, samples=None, iterations=50)


def test_what_it_says_it_spent():
    found = golden_run(damping=2.0, samples=None, iterations=3, matrix="hessian")
    assert found.facts["iterations"] == 3
    # 48 for v and 40 a product; a product goes backward twice
    assert (found.meter.forward, found.meter.backward) == (48 + 3 * 40, 48 + 3 * 80)
    other = golden_run(damping=2.0, samples=None, iterations=3)
    assert (other.meter.forward, other.meter.backward) == (48 + 3 * 40, 48 + 3 * 120)
    one = golden_run(curvature="woodfisher", samples=10)
    assert (one.meter.forward, one.facts["samples"]) == (48 + 10, 10)


def test_the_samples_are_drawn_with_the_seed():
    options = {"curvature": "woodfisher", "samples": 5, "damping": 0.01}
    first, again, other = (golden_run(seed=s, **options) for s in (0, 0, 1))
    assert torch.equal(weights(first), weights(again))
    assert not torch.equal(weights(first), weights(other))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"curvature": "fisher"}, "curvature='fisher' is not one of cg, identity"),
        ({"matrix": "fisher"}, "matrix='fisher' is not one of gauss_newton, hessian"),
        ({"damping": -0.1}, "damping=-0.1"),
        ({"damping": 0.0, "curvature": "woodfisher"}, "damping=0.0"),
        ({"samples": 0}, "samples=0"),
        ({"iterations": 0}, "iterations=0"),
        ({"tolerance": 0.0}, "tolerance=0.0"),
        ({"lissa_scale": 0.0}, "lissa_scale=0.0"),
    ],
)
def test_bad_options(options, match):
    with pytest.raises(UsageError, match=match):
        Influence(**options)


def test_bad_parts():
    case = problem()
    parts = case.parts()
    shared = parts | {"retain": parts["full"]}
    with pytest.raises(UsageError, match="both to forget and to retain"):
        apply(Influence(), case.learner, shared, Context())
    empty = parts | {"forget": DataPart(case.data, np.empty(0, np.int64), parts["forget"].view)}
    with pytest.raises(UsageError, match="no samples to forget"):
        apply(Influence(), case.learner, empty, Context())


def test_weights_that_are_not_finite_are_refused():
    learner = golden_learner()
    learner.network[0].weight.data[0] = float("nan")
    parts = {
        p: LoaderPart((golden_batches(n),)) for p, n in (("forget", "forget"), ("retain", "remain"))
    }
    with pytest.raises(UsageError, match="weight of Sequential holds values that are not finite"):
        apply(Influence(), learner, parts, Context())


@pytest.mark.parametrize(
    ("curvature", "home", "name"),
    [
        ("cg", module, "solve"),
        ("cg", module, "gauss_newton_product"),
        ("cg", module, "influence_direction"),
        ("lissa", module, "lissa"),
        ("woodfisher", module, "woodbury"),
        ("woodfisher_published", module, "published_woodfisher"),
    ],
)
def test_the_public_functions_are_what_runs(monkeypatch, curvature, home, name):
    def stub(*_, **__):
        raise RuntimeError("stub")

    monkeypatch.setattr(home, name, stub)
    with pytest.raises(RuntimeError, match="stub"):
        golden_run(curvature=curvature, damping=2.0)


def softmax_regression(x, y):
    """The minimum of the mean cross-entropy with a little weight decay in the data's own form."""
    torch.manual_seed(0)
    network = nn.Linear(x.shape[1], 3).double()
    optimizer = torch.optim.LBFGS(
        network.parameters(), max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(x), y)
        loss.backward()
        return loss

    optimizer.step(closure)
    return Learner(network)


@pytest.mark.parametrize(
    "options", [{"damping": 0.01}, {"curvature": "woodfisher", "damping": 0.1}]
)
def test_it_moves_towards_the_oracle(options):
    generator = torch.Generator().manual_seed(1)
    y = torch.randint(3, (120,), generator=generator)
    x = torch.randn(120, 4, generator=generator).double()
    x[:, :3] += nn.functional.one_hot(y, 3)
    y[:15] = (y[:15] + 1) % 3  # wrong labels, to be forgotten
    original, oracle = softmax_regression(x, y), softmax_regression(x[15:], y[15:])
    parts = {
        "forget": LoaderPart(([(x[:15], y[:15])],)),
        "retain": LoaderPart(([(x[15:], y[15:])],)),
    }
    found = apply(Influence(**options), original, parts, Context()).learner

    def distance(learner):
        change = [a - b for a, b in zip(learner.parameters(), oracle.parameters(), strict=True)]
        return float(sum(c.detach().square().sum() for c in change)) ** 0.5

    def loss(learner):
        with torch.no_grad():
            return float(nn.functional.cross_entropy(learner(x[:15]), y[:15]))

    assert distance(found) < 0.7 * distance(original)
    assert loss(original) < loss(found) < loss(oracle) + 0.1


@pytest.mark.parametrize("name", ["influence", "woodfisher"])
def test_defaults_raise_the_loss_of_what_is_forgotten(name):
    """The original is sure of the forgotten class, the oracle has never seen it."""
    case = problem()
    method = build(options_of(read_yaml(choices("method")[name])))
    found = apply(method, case.learner, case.parts(), Context()).learner

    def loss(learner, ids):
        batch = next(iter(case.data.loader(ids)))
        with torch.no_grad():
            return float(learner.eval().batch_loss(batch))

    retain = case.parts()["retain"].ids
    risen = loss(found, case.forget) - loss(case.learner, case.forget)
    assert risen > 0 and risen > 2 * (loss(found, retain) - loss(case.learner, retain))


def test_the_modules_are_those_of_the_gradients_room():
    assert module.solve is conjugate.solve and module.hessian_product is hessian.hessian_product
