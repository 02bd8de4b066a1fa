"""l1-sparse unlearning: the penalty's gradient, its decay, and what it leaves."""

import copy

import pytest
import torch
from cases import CASES

from mu.errors import UsageError
from mu.models.base import evaluation_mode
from mu.unlearning import l1_sparse
from mu.unlearning.base import Context, apply
from mu.unlearning.finetune import FineTune
from mu.unlearning.l1_sparse import L1Sparse, l1_norm


def test_the_norm_is_of_all_trained_parameters():
    case = CASES["images"]()
    learner = copy.deepcopy(case.learner)
    wanted = sum(float(p.detach().abs().sum()) for p in learner.parameters())
    assert float(l1_norm(learner).detach()) == pytest.approx(wanted, rel=1e-5)
    frozen = next(learner.parameters())
    frozen.requires_grad_(False)
    assert float(l1_norm(learner).detach()) == pytest.approx(
        wanted - float(frozen.detach().abs().sum()), rel=1e-5
    )


def test_without_a_penalty_it_is_finetuning():
    case = CASES["nodes"]()
    parts = case.parts("retained")
    options = {"epochs": 2, "lr": 0.01}
    found = apply(L1Sparse(alpha=0.0, **options), case.learner, parts, Context()).learner
    wanted = apply(FineTune(**options), case.learner, parts, Context()).learner
    for new, old in zip(found.parameters(), wanted.parameters(), strict=True):
        torch.testing.assert_close(new, old, rtol=1e-5, atol=1e-7)


def test_one_step_shrinks_by_the_rate_times_alpha():
    case = CASES["images"]()
    part = {"retain": case.parts()["retain"]}
    options = {"epochs": 1, "lr": 0.1, "batch_size": None, "momentum": 0.0}
    found = apply(L1Sparse(alpha=0.02, **options), case.learner, part, Context()).learner
    plain = apply(FineTune(**options), case.learner, part, Context()).learner
    start = case.learner.parameters()
    for new, old, before in zip(found.parameters(), plain.parameters(), start, strict=True):
        wanted = old.detach() - 0.1 * 0.02 * before.detach().sign()
        torch.testing.assert_close(new.detach(), wanted, rtol=1e-4, atol=1e-6)


def test_the_penalty_falls_linearly_towards_zero(monkeypatch):
    # A norm of constant value 1 makes the penalty readable in the loss.
    case, seen = CASES["images"](), []
    monkeypatch.setattr(l1_sparse, "l1_norm", lambda learner: torch.tensor(1.0))
    plain = L1Sparse.training_step

    def step(self, batch, index):
        modes = copy.deepcopy(self.learner)
        loss = plain(self, batch, index)
        seen.append(float(loss - modes.batch_loss(batch)))
        return loss

    monkeypatch.setattr(L1Sparse, "training_step", step)
    apply(L1Sparse(epochs=2, alpha=8.0, batch_size=25), case.learner, case.parts(), Context())
    wanted = [8 * (1 - t / 6) for t in range(6)]
    assert seen == pytest.approx(wanted, abs=1e-4)


def test_it_leaves_smaller_weights_than_finetuning_and_says_so():
    case = CASES["images"]()
    found = apply(L1Sparse(alpha=0.02, lr=0.05), case.learner, case.parts(), Context())
    assert found.facts["l1_after"] < 0.9 * found.facts["l1_before"]
    assert found.facts["l1_after"] == pytest.approx(float(l1_norm(found.learner).detach()))


def test_the_loss_of_a_class_rises_as_by_retraining():
    case = CASES["images"]()
    options = {"epochs": 40, "lr": 0.05, "alpha": 0.005}
    found = apply(L1Sparse(**options), case.learner, case.parts(), Context()).learner

    def loss(learner, part):
        (batch,) = list(case.parts()[part].batches())
        with torch.no_grad(), evaluation_mode(learner):
            return float(learner.batch_loss(batch))

    assert loss(found, "forget") > 2 * loss(case.learner, "forget")
    assert loss(found, "retain") < 0.2


def test_a_negative_penalty_is_refused():
    with pytest.raises(UsageError, match="alpha=-1"):
        L1Sparse(alpha=-1.0)
