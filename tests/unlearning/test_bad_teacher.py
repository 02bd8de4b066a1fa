"""Bad teacher: who teaches what, and what comes of it."""

import copy

import pytest
import torch
from cases import CASES
from torch import nn

from mu.errors import UsageError
from mu.models.base import Learner, evaluation_mode
from mu.models.predict import predict
from mu.unlearning import bad_teacher
from mu.unlearning.bad_teacher import BadTeacher, untrained
from mu.unlearning.base import Context, LoaderPart, apply


def test_the_bad_teacher_is_another_network_of_the_same_architecture():
    learner = CASES["images"]().learner
    before = copy.deepcopy(learner.state_dict())
    state = torch.random.get_rng_state()
    one, same, other = untrained(learner, 5), untrained(learner, 5), untrained(learner, 6)
    assert torch.equal(torch.random.get_rng_state(), state), "the global generator moved"
    assert not one.training
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, same.state_dict()[name])
        assert torch.equal(learner.state_dict()[name], before[name])
    weights = [n for n, p in one.named_parameters() if p.dim() > 1]
    assert all(not torch.equal(one.state_dict()[n], other.state_dict()[n]) for n in weights)
    assert all(not torch.equal(one.state_dict()[n], before[n]) for n in weights)
    assert all(float(b.abs().max()) in (0.0, 1.0) for n, b in one.named_buffers() if "running" in n)


def test_one_step_is_the_gradient_step_towards_both_teachers():
    case = CASES["images"]()
    given = {"epochs": 1, "lr": 0.1, "batch_size": None, "momentum": 0.0, "optimizer": "sgd"}
    method = BadTeacher(temperature=2.0, **given)
    found = apply(method, case.learner, case.parts(), Context()).learner
    (batch,) = list(case.parts()["full"].batches())
    gone = torch.isin(batch.index, torch.from_numpy(case.forget))
    with torch.no_grad(), evaluation_mode(case.learner):
        target = case.learner.network(batch.x)
        target[gone] = untrained(case.learner, bad_teacher.SEED).network(batch.x[gone])
    wanted = copy.deepcopy(case.learner).train()
    p = torch.softmax(target / 2, 1)
    own = torch.log_softmax(wanted.network(batch.x) / 2, 1)
    (4 * (p * (p.log() - own)).sum(1).mean()).backward()
    for new, old in zip(found.parameters(), wanted.parameters(), strict=True):
        wanted_weight = (old - 0.1 * old.grad).detach()
        torch.testing.assert_close(new.detach(), wanted_weight, rtol=1e-4, atol=1e-5)


def test_teachers_passes_are_counted_and_their_weights_stay():
    case = CASES["images"]()
    method = BadTeacher(epochs=2)
    found = apply(method, case.learner, case.parts(), Context())
    assert (found.meter.forward, found.meter.backward) == (3 * 200, 200)
    good, _ = method.teachers
    for (name, a), b in zip(
        good.state_dict().items(), case.learner.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name


def test_a_class_is_forgotten_as_by_retraining():
    case = CASES["images"]()
    found = apply(BadTeacher(epochs=10, lr=0.01), case.learner, case.parts(), Context()).learner
    right = {}
    for name in ("forget", "retain"):
        signals = predict(found, case.parts()[name].batches())
        right[name] = (signals.logits.argmax(1) == signals.targets).mean()
    assert right["forget"] <= 0.2
    assert right["retain"] >= 0.9


def test_a_users_loaders_are_served():
    case = CASES["images"]()
    parts = {
        name: LoaderPart(([(b.x, b.y) for b in part.batches(batch_size=16)],))
        for name, part in case.parts().items()
    }
    found = apply(BadTeacher(epochs=1), case.learner, parts, Context())
    assert found.meter.backward == 100


def test_a_layer_that_cannot_be_drawn_anew_is_refused_and_the_model_untouched():
    class Half(nn.Linear):
        def __init__(self):
            super().__init__(4, 4)
            self.more = nn.Parameter(torch.rand(4, 4))

        def forward(self, x):
            return super().forward(x) @ self.more

    learner = Learner(nn.Sequential(nn.Linear(2, 4), Half(), nn.Linear(4, 2)))
    before = copy.deepcopy(learner.state_dict())
    part = LoaderPart(([(torch.randn(3, 2), torch.tensor([0, 1, 0]))],))
    with pytest.raises(UsageError, match=r"1\.more cannot be drawn anew"):
        apply(BadTeacher(), learner, {"forget": part, "retain": part}, Context())
    assert all(torch.equal(t, before[n]) for n, t in learner.state_dict().items())


def test_the_bad_teacher_has_the_frozen_body_of_the_model():
    learner = Learner(nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 2)))
    learner.network[0].requires_grad_(False)
    found = untrained(learner, seed=9).network
    assert torch.equal(found[0].weight, learner.network[0].weight)
    assert not torch.equal(found[1].weight, learner.network[1].weight)


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(UsageError, match=r"temperature=0\.0"):
        BadTeacher(temperature=0.0)
