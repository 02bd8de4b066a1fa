"""SCRUB: its losses against closed forms, the order of its phases, and what it does to a class."""

import copy

import pytest
import torch
from cases import CASES
from torch import nn
from torch.nn import functional

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.base import Learner, evaluation_mode
from mu.models.predict import predict
from mu.unlearning import scrub
from mu.unlearning.base import Context, LoaderPart, apply
from mu.unlearning.scrub import SCRUB, min_loss


def test_the_min_loss_is_the_formula():
    torch.manual_seed(0)
    learner, x, y = (
        Learner(nn.Linear(4, 3)).double(),
        torch.randn(6, 4).double(),
        torch.arange(6) % 3,
    )
    teacher = torch.randn(6, 3).double()
    batch = Batch(x, y, torch.arange(6))
    student = learner.network(x)
    p = torch.softmax(teacher / 4, 1)
    kl = (p * (p.log() - torch.log_softmax(student / 4, 1))).sum(1).mean()
    wanted = 0.9 * functional.cross_entropy(student, y) + 0.1 * 16 * kl
    torch.testing.assert_close(min_loss(learner, teacher, batch, 0.9, 0.1, 4.0), wanted)


def recorded(monkeypatch, **options):
    """Signs of what is descended, and the mode of the student, step by step."""
    steps = []
    plain = SCRUB.descend

    def descend(self, optimizer, loss):
        steps.append(("max" if not self.learner.training else "min", float(loss.detach())))
        plain(self, optimizer, loss)

    monkeypatch.setattr(SCRUB, "descend", descend)
    case = CASES["images"]()
    found = apply(SCRUB(**options), case.learner, case.parts(), Context())
    return steps, found


def test_max_steps_come_first_in_some_epochs_and_min_steps_in_all(monkeypatch):
    given = {"epochs": 3, "max_epochs": 2, "batch_size": 25, "forget_batch_size": 10}
    steps, found = recorded(monkeypatch, **given)
    phases = [name for name, _ in steps]
    assert phases == (["max"] * 3 + ["min"] * 3) * 2 + ["min"] * 3
    assert all(loss <= 0 for name, loss in steps if name == "max")
    passes = 3 * 75 + 2 * 25
    assert (found.meter.forward, found.meter.backward) == (2 * passes, passes)


def test_without_max_steps_nothing_reads_the_forgotten_samples():
    case = CASES["images"]()

    class Unread:
        def batches(self, **_):
            raise AssertionError("read")

    parts = case.parts() | {"forget": Unread()}
    apply(SCRUB(max_epochs=0, epochs=1), case.learner, parts, Context())
    with pytest.raises(AssertionError, match="read"):
        apply(SCRUB(epochs=2), case.learner, parts, Context())


def test_one_min_step_is_the_gradient_step_of_the_loss():
    case = CASES["nodes"]()
    options = {"epochs": 1, "max_epochs": 0, "lr": 0.1, "momentum": 0.0, "optimizer": "sgd"}
    found = apply(SCRUB(**options), case.learner, case.parts(), Context()).learner
    wanted = copy.deepcopy(case.learner).train()
    (batch,) = list(case.parts()["retain"].batches())
    with torch.no_grad(), evaluation_mode(case.learner):
        teacher = case.learner.outputs(batch)[0]
    min_loss(wanted, teacher, batch, 0.99, 0.001, 4.0).backward()
    for new, old in zip(found.parameters(), wanted.parameters(), strict=True):
        torch.testing.assert_close(new.detach(), (old - 0.1 * old.grad).detach())


def test_running_statistics_see_retained_samples_only():
    case = CASES["images"]()
    seen = []

    def watch(module, inputs):
        if module.training:
            seen.append(inputs[0].detach().clone())

    method = SCRUB(epochs=2, max_epochs=2, batch_size=25)
    plain = method.solve

    def solve():
        method.learner.network.body[0].register_forward_pre_hook(watch)
        plain()

    method.solve = solve
    apply(method, case.learner, case.parts(), Context())
    assert len(seen) == 6
    # Class 2 alone is bright in its lower left quadrant.
    assert all(float(x[:, :, 4:, :4].mean(dim=(1, 2, 3)).max()) < 0.6 for x in seen)


def test_a_class_is_forgotten_as_by_retraining():
    case = CASES["images"]()
    options = {"epochs": 10, "lr": 0.005, "batch_size": 16, "forget_batch_size": 8}
    found = apply(SCRUB(**options), case.learner, case.parts(), Context()).learner
    right = {}
    for name in ("forget", "retain"):
        signals = predict(found, case.parts()[name].batches())
        right[name] = (signals.logits.argmax(1) == signals.targets).mean()
    assert right["forget"] <= 0.2
    assert right["retain"] >= 0.9


def test_it_serves_a_users_loaders_and_runs_its_functions(monkeypatch):
    case = CASES["images"]()
    parts = {
        name: LoaderPart(([(b.x, b.y) for b in part.batches(batch_size=16)],))
        for name, part in case.parts().items()
    }
    apply(SCRUB(epochs=1, max_epochs=1), case.learner, parts, Context())

    def stub(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(scrub, "min_loss", stub)
    with pytest.raises(ZeroDivisionError):
        apply(SCRUB(epochs=1, max_epochs=1), case.learner, parts, Context())


@pytest.mark.parametrize(
    "options", [{"max_epochs": -1}, {"temperature": 0.0}, {"alpha": -1.0}, {"gamma": -0.1}]
)
def test_bad_options_are_refused(options):
    ((name, value),) = options.items()
    with pytest.raises(UsageError, match=f"{name}={value}"):
        SCRUB(**options)
