"""Every method of configs/method on every tiny problem it declares."""

import copy
import warnings
from functools import cache

import cases
import pytest
import torch
from method_case import KINDS, METHODS, method, serves

from mu.errors import CellFailed, UsageError
from mu.models.base import Learner, build_learner
from mu.models.output_layer import output_layer
from mu.models.predict import predict
from mu.unlearning.base import Context, apply


@cache
def case(name):
    return cases.CASES[name]()


PAIRS = [(name, problem) for name in METHODS for problem in KINDS if serves(name, problem)]


# Parameters that the user froze, by a word in their names; those of a normalisation are among them.
FROZEN = {
    "images": ["body.", "head."],
    "patches": ["blocks.0.", "head."],
    "nodes": ["conv1"],
    "links": ["conv1"],
}


class Forbidden:
    def batches(self, **options):
        raise AssertionError("an undeclared part was read")


@cache
def run(name, problem):
    """What a method leaves, and whether it left the model handed in as it was."""
    found, one = method(name), case(problem)
    before = {n: t.clone() for n, t in one.learner.state_dict().items()}
    done = apply(found, one.learner, one.parts(found.gradient_view), Context())
    after = one.learner.state_dict()
    return done, [key for key in after if not torch.equal(after[key], before[key])]


@cache
def run_on_the_declared(name, problem):
    """The same again, where reading another part than those declared raises."""
    found = method(name)
    parts = {
        part: own if part in found.needs else Forbidden()
        for part, own in case(problem).parts(found.gradient_view).items()
    }
    return apply(found, case(problem).learner, parts, Context()), found


def accuracy(learner, data, ids, view):
    signals = predict(learner, data.loader(ids, view))
    logits = torch.from_numpy(signals.logits)
    guess = (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1)
    return float((guess.numpy() == signals.targets).mean())


@pytest.mark.parametrize(("name", "problem"), PAIRS)
def test_it_changes_what_it_says_and_nothing_else(name, problem):
    found, spoilt = run(name, problem)
    assert not spoilt, f"{name} changed the model handed in"
    before, after = case(problem).learner.state_dict(), found.learner.state_dict()
    changed = set(after) != set(before) or any(not torch.equal(after[n], before[n]) for n in before)
    # A stop rule may be met before the first step.
    assert changed == ("weights" in method(name).changes) or found.facts.get("stopped") == 0
    assert "architecture" in method(name).changes or set(after) == set(before)


@pytest.mark.parametrize(("name", "problem"), PAIRS)
def test_it_keeps_utility_on_the_toy(name, problem):
    one = case(problem)
    kept = one.data.without(one.removed)
    found = run(name, problem)[0].learner
    after = accuracy(found, one.data, one.parts()["retain"].ids, kept.view)
    assert after >= accuracy(one.learner, one.data, one.parts()["retain"].ids, kept.view) - 0.15


@pytest.mark.parametrize(("name", "problem"), PAIRS)
def test_it_is_deterministic(name, problem):
    first, second = run(name, problem)[0].learner, run_on_the_declared(name, problem)[0].learner
    for (key, a), (_, b) in zip(
        first.state_dict().items(), second.state_dict().items(), strict=True
    ):
        assert torch.equal(a, b), key


@pytest.mark.parametrize(("name", "problem"), PAIRS)
def test_it_touches_only_the_parts_it_declared(name, problem):
    _, found = run_on_the_declared(name, problem)
    assert set(found.parts) == set(found.needs)


@pytest.mark.parametrize(("name", "problem"), PAIRS)
def test_its_result_is_a_plain_learner_that_reloads(name, problem):
    done, _ = run(name, problem)
    found, model = done.learner, case(problem).model
    assert isinstance(found, Learner)
    assert type(found) is type(case(problem).learner)
    assert found.training_plan is None
    assert (done.model_of is None) == ("architecture" not in method(name).changes)
    other = build_learner(model if done.model_of is None else done.model_of(model))
    other.load_state_dict(found.state_dict())
    loader = case(problem).data.loader(case(problem).data.parts["test"])
    assert (predict(other, loader).logits == predict(found, loader).logits).all()


@pytest.mark.parametrize(
    ("name", "problem", "word"), [(n, p, word) for n, p in PAIRS for word in FROZEN[p]]
)
def test_what_is_frozen_stays_bit_identical_or_the_method_says_why_not(name, problem, word):
    learner, found = copy.deepcopy(case(problem).learner), method(name)
    for key, parameter in learner.named_parameters():
        parameter.requires_grad_(word not in key)
    before = {key: t.clone() for key, t in learner.state_dict().items()}
    flags = {key: p.requires_grad for key, p in learner.named_parameters()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            done = apply(found, learner, case(problem).parts(found.gradient_view), Context())
        except (UsageError, CellFailed) as error:
            if "frozen" not in str(error):
                raise
            return
    after = done.learner.state_dict()
    # Running statistics as well: all parameters beside them are frozen.
    shared = [key for key in before if key in after and word in key]
    assert not [key for key in shared if not torch.equal(after[key], before[key])]
    if set(after) == set(before):
        assert {key: p.requires_grad for key, p in done.learner.named_parameters()} == flags


def test_a_needed_part_that_is_missing_is_named():
    with pytest.raises(UsageError, match="SSD needs full"):
        apply(method("ssd"), case("images").learner, {"forget": None}, Context())


@cache
def other_learner(problem):
    """A second model of the problem, with two classes more."""
    torch.manual_seed(7)
    found = build_learner(case(problem).model)
    head = output_layer(found.network) if problem in ("images", "patches") else None
    if head is not None:
        head.out_features += 2
        head.weight = torch.nn.Parameter(torch.randn(head.out_features, head.in_features) / 4)
        head.bias = torch.nn.Parameter(torch.zeros(head.out_features))
    return found


ONE_EACH = {(type(method(name)), problem): (name, problem) for name, problem in reversed(PAIRS)}


@pytest.mark.parametrize(("name", "problem"), ONE_EACH.values())
def test_an_object_keeps_nothing_of_an_earlier_model(name, problem):
    def last(found, *learners):
        for learner in learners:
            parts = case(problem).parts(found.gradient_view)
            left = apply(found, learner, parts, Context())
        return left

    second = other_learner(problem)
    one = last(method(name), case(problem).learner, second)
    fresh = last(method(name), second)
    for (key, a), b in zip(
        one.learner.state_dict().items(), fresh.learner.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), key
    assert one.memory.keys() == fresh.memory.keys()
    assert one.facts.keys() == fresh.facts.keys()
    assert one.facts.get("bound") == fresh.facts.get("bound")
