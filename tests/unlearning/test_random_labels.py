"""Random labels: what is drawn, and what training on it does."""

import copy

import pytest
import torch
from cases import CASES
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch.utils.data import DataLoader, TensorDataset

from mu.models.base import Learner
from mu.models.predict import predict
from mu.parts.relabelling import wrong_labels
from mu.unlearning import random_labels
from mu.unlearning.base import Context, LoaderPart, apply
from mu.unlearning.random_labels import Draws, RandomLabels


@given(st.integers(2, 1000), st.integers(0, 2**31))
def test_the_true_label_is_never_drawn_and_every_label_is_one(classes, seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (200,), generator=generator)
    found = wrong_labels(labels, torch.rand(200, generator=generator), classes)
    assert (found != labels).all()
    assert ((found >= 0) & (found < classes)).all()


def test_wrong_labels_are_uniform():
    draws = torch.rand(9000, generator=torch.Generator().manual_seed(0))
    found = wrong_labels(torch.full((9000,), 3), draws, 10)
    counts = torch.bincount(found, minlength=10)
    assert counts[3] == 0
    assert chisquare(counts[counts > 0].numpy()).pvalue > 0.001


def test_a_binary_label_is_turned_over():
    labels = torch.tensor([0.0, 1.0, 1.0])
    assert wrong_labels(labels, torch.rand(3), 2).tolist() == [1.0, 0.0, 0.0]


def test_a_sample_keeps_its_draw_whatever_its_batch():
    part = CASES["images"]().parts()["forget"]
    draws, ids = Draws(part, 5), torch.from_numpy(part.ids)
    together = draws.of(ids)
    order = torch.randperm(len(ids))
    assert torch.equal(draws.of(ids[order]), together[order])
    assert torch.equal(Draws(part, 5).of(ids[:3]), together[:3])
    assert not torch.equal(Draws(part, 6).of(ids), together)
    draws.draw(1)
    assert not torch.equal(draws.of(ids), together)


def seen_labels(monkeypatch, parts, learner, **options):
    """Labels that the loss got, by call."""
    got = []
    plain = Learner.loss

    def loss(self, logits, targets, reduction="mean"):
        if self.training:
            got.append(targets.clone())
        return plain(self, logits, targets, reduction)

    monkeypatch.setattr(Learner, "loss", loss)
    apply(RandomLabels(**options), learner, parts, Context(seed=3))
    return got


def test_retained_labels_stay_and_forgotten_ones_change(monkeypatch):
    case = CASES["images"]()
    got = torch.cat(seen_labels(monkeypatch, case.parts(), case.learner, epochs=1))
    assert len(got) == 100
    assert not (got == 2).any(), "class 2 is forgotten and its label never drawn"
    assert (torch.bincount(got, minlength=4)[[0, 1, 3]] >= 25).all()


def test_labels_are_those_of_the_first_epoch_unless_redrawn(monkeypatch):
    case = CASES["images"]()

    def counts(redraw):
        with monkeypatch.context() as patch:
            got = torch.cat(seen_labels(patch, case.parts(), case.learner, epochs=2, redraw=redraw))
        return torch.bincount(got[:100], minlength=4), torch.bincount(got[100:], minlength=4)

    first, second = counts(redraw=False)
    assert torch.equal(first, second)
    first, second = counts(redraw=True)
    assert not torch.equal(first, second)


def test_one_step_is_the_gradient_step_on_the_wrong_labels():
    case = CASES["images"]()
    given = {"epochs": 1, "lr": 0.1, "batch_size": None, "momentum": 0.0}
    found = apply(RandomLabels(**given), case.learner, case.parts(), Context(seed=3)).learner
    wanted = copy.deepcopy(case.learner).train()
    (batch,) = list(case.parts()["full"].batches())
    gone = torch.isin(batch.index, torch.from_numpy(case.forget))
    labels = batch.y.clone()
    draws = Draws(case.parts()["forget"], 3).of(batch.index[gone])
    labels[gone] = wrong_labels(labels[gone], draws, 4)
    torch.nn.functional.cross_entropy(wanted.network(batch.x), labels).backward()
    for new, old in zip(found.parameters(), wanted.parameters(), strict=True):
        torch.testing.assert_close(new, old - 0.1 * old.grad, rtol=1e-4, atol=1e-5)


def test_a_users_own_shuffled_loader_keeps_one_label_a_sample(monkeypatch):
    case = CASES["images"]()
    (batch,) = list(case.parts()["forget"].batches())
    (rest,) = list(case.parts()["retain"].batches())
    shuffled = DataLoader(TensorDataset(batch.x, batch.y), batch_size=7, shuffle=True)
    parts = {
        "forget": LoaderPart((shuffled,)),
        "retain": LoaderPart((DataLoader(TensorDataset(rest.x, rest.y), batch_size=25),)),
    }
    seen = seen_labels(monkeypatch, parts, case.learner, epochs=2)
    got = torch.cat(seen)
    size = len(batch.y) + len(rest.y)
    first, second = (torch.bincount(one, minlength=4) for one in (got[:size], got[size:]))
    assert torch.equal(first, second)
    assert not (got == 2).any()


def test_a_class_is_forgotten_as_by_retraining():
    case = CASES["images"]()
    options = {"epochs": 12, "lr": 0.02, "batch_size": 16}
    found = apply(RandomLabels(**options), case.learner, case.parts(), Context()).learner
    accuracy = {}
    for part in ("forget", "retain"):
        signals = predict(found, case.parts()[part].batches())
        accuracy[part] = (signals.logits.argmax(1) == signals.targets).mean()
    assert accuracy["forget"] <= 0.2
    assert accuracy["retain"] >= 0.85


def test_it_is_the_function_that_runs(monkeypatch):
    def broken(*_):
        raise RuntimeError("stub")

    monkeypatch.setattr(random_labels, "wrong_labels", broken)
    case = CASES["images"]()
    with pytest.raises(RuntimeError, match="stub"):
        apply(RandomLabels(epochs=1), case.learner, case.parts(), Context())
