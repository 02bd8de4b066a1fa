"""The trajectory: what it shows, and that looking changes nothing."""

import time

import pytest
import torch
from cases import CASES

from mu.unlearning.base import Context, apply
from mu.unlearning.finetune import FineTune
from mu.unlearning.gradient_ascent import GradientAscent


def run(case, method, watched, points=4):
    parts = case.parts(method.gradient_view)
    return apply(method, case.learner, parts, Context(watched=watched, points=points))


@pytest.fixture(params=list(CASES))
def case(request):
    return CASES[request.param]()


def batches(case):
    parts = case.parts("retained")
    return {name: list(parts[name].batches()) for name in ("forget", "retain")}


@pytest.mark.parametrize("method", [FineTune, GradientAscent])
def test_looking_changes_nothing(case, method):
    watched = run(case, method(epochs=3, lr=0.05, batch_size=16), batches(case))
    unwatched = run(case, method(epochs=3, lr=0.05, batch_size=16), {})
    for one, other in zip(
        watched.learner.state_dict().values(), unwatched.learner.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    assert (watched.meter.forward, watched.meter.backward) == (
        unwatched.meter.forward,
        unwatched.meter.backward,
    )
    assert unwatched.trajectory == {}


def test_it_starts_at_the_original_and_ends_at_the_result(case):
    found = run(case, FineTune(epochs=3, lr=0.05, batch_size=16), batches(case))
    seen, parts = found.trajectory, batches(case)
    assert seen["step"][0] == 0
    assert seen["epoch"][-1] == 3
    assert len(set(seen["step"])) == len(seen["step"])

    def accuracy(learner, name):
        right = total = 0
        with torch.no_grad():
            for batch in parts[name]:
                logits, targets = learner.eval().outputs(batch)
                chosen = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(1)
                right, total = right + int((chosen == targets).sum()), total + len(targets)
        return right / total

    for name in ("forget", "retain"):
        assert seen[f"{name}_accuracy"][0] == accuracy(case.learner, name)
        assert seen[f"{name}_accuracy"][-1] == accuracy(found.learner, name)


def test_its_time_is_not_the_methods(case, monkeypatch):
    def slow(learner, batch):
        time.sleep(0.5)
        return 1.0, 1.0, 1

    monkeypatch.setattr("mu.unlearning.probe.tally", slow)
    start = time.perf_counter()
    found = run(case, FineTune(epochs=1, lr=0.05, batch_size=16), batches(case), points=2)
    assert found.meter.seconds["request"] <= time.perf_counter() - start - 4 * 0.5


def test_points_are_kept(case):
    found = run(case, FineTune(epochs=4, lr=0.05, batch_size=8), batches(case), points=3)
    assert len(found.trajectory["step"]) <= 3
