"""CF-k: fine-tuning of the last layers alone."""

import copy

import pytest
import torch
from cases import CASES

from mu.errors import UsageError
from mu.models.base import evaluation_mode
from mu.unlearning.base import Context, apply
from mu.unlearning.cf_k import CFk
from mu.unlearning.finetune import FineTune


def same(first, second):
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("problem", ["images", "nodes"])
def test_with_all_layers_it_is_finetuning(problem):
    case = CASES[problem]()
    parts = case.parts("retained")
    k = {"images": 4, "nodes": 2}[problem]
    options = {"epochs": 2, "lr": 0.01, "batch_size": 32}
    found = apply(CFk(k=k, **options), case.learner, parts, Context())
    wanted = apply(FineTune(**options), case.learner, parts, Context())
    assert same(found.learner, wanted.learner)
    assert not same(found.learner, case.learner)


def test_one_step_on_the_head_is_the_gradient_step_of_a_frozen_network():
    case = CASES["images"]()
    part = {"retain": case.parts()["retain"]}
    given = {"epochs": 1, "lr": 0.1, "batch_size": None, "momentum": 0.0}
    found = apply(CFk(k=1, **given), case.learner, part, Context()).learner
    wanted = copy.deepcopy(case.learner)
    (batch,) = list(part["retain"].batches())
    with evaluation_mode(wanted):
        h = wanted.features(batch).detach().double()
    head = wanted.network.head
    error = torch.softmax(h @ head.weight.T.double() + head.bias.double(), 1)
    error[torch.arange(len(batch)), batch.y] -= 1
    step = 0.1 * error.T @ h / len(batch)
    torch.testing.assert_close(
        found.network.head.weight.double(), head.weight.double() - step, rtol=0, atol=1e-6
    )
    assert same(found.network.body, case.learner.network.body)


def test_more_layers_than_there_are_is_refused():
    case = CASES["links"]()
    with pytest.raises(UsageError, match="k=3, but GCN has 2 layers"):
        apply(CFk(k=3), case.learner, case.parts("retained"), Context())


def losses(learner, part):
    (batch,) = list(part.batches())
    with torch.no_grad(), evaluation_mode(learner):
        return float(learner.batch_loss(batch))


def test_the_loss_of_a_class_rises_as_by_retraining():
    case = CASES["images"]()
    parts = case.parts()
    found = apply(CFk(k=2, epochs=40, lr=0.1), case.learner, parts, Context()).learner
    assert losses(found, parts["forget"]) > 2 * losses(case.learner, parts["forget"])
    assert losses(found, parts["retain"]) < losses(case.learner, parts["retain"])
