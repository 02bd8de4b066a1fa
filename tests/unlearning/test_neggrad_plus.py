"""NegGrad+: one step against its closed form, and what the two sets may touch."""

import copy

import numpy as np
import pytest
import torch
from cases import CASES
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mu.data.base import Batch
from mu.errors import StepFailed, UsageError
from mu.models.base import Learner
from mu.models.predict import predict
from mu.parts.part import LoaderPart
from mu.unlearning import neggrad_plus
from mu.unlearning.base import Context, apply
from mu.unlearning.finetune import FineTune
from mu.unlearning.neggrad_plus import NegGradPlus, joint_loss, recycled


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def gradient(weights, x, y):
    return (softmax(x @ weights.T) - np.eye(len(weights))[y]).T @ x / len(x)


def linear(weights):
    network = nn.Linear(weights.shape[1], weights.shape[0], bias=False).double()
    network.weight.data = torch.as_tensor(weights)
    return Learner(network)


def drawn(rng, n):
    return rng.normal(size=(n, 5)), rng.integers(3, size=n)


def part(x, y, size=None):
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    size = size or len(x)
    return LoaderPart((list(zip(x.split(size), y.split(size), strict=True)),))


FORGETTING = {"epochs": 10, "lr": 0.001, "beta": 0.97, "batch_size": 16, "optimizer": "adam"}


@given(seed=st.integers(0, 1000), beta=st.floats(0.05, 1.0))
def test_one_step_of_a_linear_model_has_a_closed_form(seed, beta):
    rng = np.random.default_rng(seed)
    weights, (x_r, y_r), (x_f, y_f) = rng.normal(size=(3, 5)), drawn(rng, 8), drawn(rng, 3)
    parts = {"retain": part(x_r, y_r), "forget": part(x_f, y_f)}
    method = NegGradPlus(epochs=1, lr=0.3, beta=beta, momentum=0.0)
    found = apply(method, linear(weights), parts, Context())
    direction = beta * gradient(weights, x_r, y_r) - (1 - beta) * gradient(weights, x_f, y_f)
    np.testing.assert_allclose(
        found.learner.network.weight.detach(), weights - 0.3 * direction, atol=1e-12
    )
    assert (found.meter.forward, found.meter.backward) == (11, 11)


def test_the_loss_honours_weights():
    rng = np.random.default_rng(0)
    learner = linear(rng.normal(size=(3, 5)))
    x, y = map(torch.from_numpy, drawn(rng, 4))
    index, weight = torch.arange(4), torch.tensor([1.0, 0.0, 0.0, 1.0]).double()
    some = Batch(x[[0, 3]], y[[0, 3]], index[[0, 3]])
    found = joint_loss(learner, Batch(x, y, index, weight), some, 0.75)
    torch.testing.assert_close(found, 0.5 * learner.batch_loss(some))


def test_a_forget_set_that_ends_first_is_read_again():
    x = torch.arange(6.0)[:, None]
    batches = recycled(LoaderPart(([(x[:3], x[:3, 0]), (x[3:], x[3:, 0])],)), None, 0)
    assert [float(next(batches).x[0]) for _ in range(5)] == [0.0, 3.0, 0.0, 3.0, 0.0]


def test_each_pass_over_the_forget_set_has_an_order_of_its_own():
    case = CASES["images"]()
    batches = recycled(case.parts()["forget"], 25, 3)
    first, second = next(batches).index, next(batches).index
    assert first.tolist() != second.tolist()
    assert sorted(first.tolist()) == sorted(second.tolist()) == case.forget.tolist()


def test_nothing_to_forget_is_refused():
    with pytest.raises(UsageError, match="no samples to forget"):
        next(recycled(LoaderPart(([],)), None, 0))


def test_without_the_second_term_it_is_finetuning():
    case = CASES["images"]()
    options = {"epochs": 2, "lr": 0.01, "batch_size": 32}
    found = apply(NegGradPlus(beta=1.0, **options), case.learner, case.parts(), Context())
    wanted = apply(FineTune(**options), case.learner, case.parts(), Context())
    for (name, a), b in zip(
        found.learner.state_dict().items(), wanted.learner.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name
    # Three retained batches an epoch, each beside all 25 samples to forget.
    assert found.meter.forward == wanted.meter.forward + 2 * 3 * 25


def test_the_loss_leaves_running_statistics_to_the_retained_samples():
    case = CASES["images"]()
    (retain,), (forget,) = (list(case.parts()[p].batches()) for p in ("retain", "forget"))
    learner, wanted = copy.deepcopy(case.learner).train(), copy.deepcopy(case.learner).train()
    joint_loss(learner, retain, forget, 0.5)
    wanted.batch_loss(retain)
    for a, b in zip(learner.buffers(), wanted.buffers(), strict=True):
        assert torch.equal(a, b)
    assert learner.network.body[1].training


def test_the_method_runs_the_public_loss(monkeypatch):
    def stub(*_):
        raise ZeroDivisionError

    case = CASES["images"]()
    monkeypatch.setattr(neggrad_plus, "joint_loss", stub)
    with pytest.raises(ZeroDivisionError):
        apply(NegGradPlus(), case.learner, case.parts(), Context())


def test_a_model_that_diverges_fails_the_row():
    case = CASES["images"]()
    method = NegGradPlus(epochs=5, lr=1e30, beta=0.1)
    with pytest.raises(StepFailed, match=r"not finite numbers .*smaller step"):
        apply(method, case.learner, case.parts(), Context())


def test_a_class_is_forgotten_as_by_retraining():
    case = CASES["images"]()
    method = NegGradPlus(**FORGETTING)
    found = apply(method, case.learner, case.parts(), Context()).learner
    right = {}
    for name in ("forget", "retain"):
        signals = predict(found, case.parts()[name].batches())
        right[name] = (signals.logits.argmax(1) == signals.targets).mean()
    assert right["forget"] <= 0.2, "a model retrained without the class knows none of it"
    assert right["retain"] >= 0.9


def test_a_smaller_beta_raises_the_loss_of_the_class_more():
    case = CASES["images"]()
    (batch,) = list(case.parts()["forget"].batches())
    losses = []
    for beta in (1.0, 0.97, 0.9):
        method = NegGradPlus(**FORGETTING | {"epochs": 4, "beta": beta})
        found = apply(method, case.learner, case.parts(), Context()).learner
        with torch.no_grad():
            losses.append(float(found.batch_loss(batch)))
    assert losses == sorted(losses)
    assert losses[-1] > 2 * losses[0]


@pytest.mark.parametrize("beta", [0.0, 1.5])
def test_bad_options_are_refused(beta):
    with pytest.raises(UsageError, match=f"beta={beta}"):
        NegGradPlus(beta=beta)
