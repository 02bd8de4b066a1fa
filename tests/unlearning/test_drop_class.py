"""Deleting a row of the head."""

import cases
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import mu
from mu.errors import NotApplicable, UsageError
from mu.models.base import Learner
from mu.models.predict import predict
from mu.unlearning import drop_class
from mu.unlearning.base import Context, apply
from mu.unlearning.drop_class import DropClass, drop_rows


@pytest.fixture(scope="module")
def case():
    return cases.images()


def test_the_class_is_never_named_and_the_others_keep_their_logits(case):
    loader = case.data.loader(case.data.parts["test"])
    before = predict(case.learner, loader).logits
    found = apply(DropClass(), case.learner, case.parts(), Context())
    after = predict(found.learner, loader).logits
    others = [0, 1, 3]
    assert (before.argmax(1) == 2).any() and not (after.argmax(1) == 2).any()
    assert (after[:, others] == before[:, others]).all() and (after[:, 2] == -1e4).all()
    assert (after.argmax(1) == [others[i] for i in before[:, others].argmax(1)]).all()
    assert torch.from_numpy(after).softmax(1)[:, 2].max() == 0
    assert (found.meter.forward, found.meter.backward) == (1, 0)
    assert found.facts == {"dropped": [2], "logit": -1e4}


def test_nothing_but_two_rows_changes(case):
    found = apply(DropClass(logit=-50.0), case.learner, case.parts(), Context()).learner
    for name, tensor in case.learner.state_dict().items():
        own = found.state_dict()[name]
        if not name.startswith("network.head."):
            assert torch.equal(own, tensor)
            continue
        keep = [0, 1, 3]
        assert torch.equal(own[keep], tensor[keep])
        assert (own[2] == (0.0 if name.endswith("weight") else -50.0)).all()


def test_the_function_is_what_runs(case, monkeypatch):
    def stub(*_):
        raise RuntimeError("called")

    monkeypatch.setattr(drop_class, "drop_rows", stub)
    with pytest.raises(RuntimeError, match="called"):
        apply(DropClass(), case.learner, case.parts(), Context())


@given(st.integers(2, 6), st.data())
def test_any_classes_but_all_can_go(classes, draw):
    gone = draw.draw(st.sets(st.integers(0, classes - 1), min_size=1, max_size=classes - 1))
    head = nn.Linear(3, classes)
    drop_rows(head, sorted(gone), -1e4)
    assert not set(head(100 * torch.randn(50, 3)).argmax(1).tolist()) & gone


def test_what_it_cannot_serve_is_said():
    with pytest.raises(NotApplicable, match="no class would be left"):
        drop_rows(nn.Linear(2, 2), [0, 1], -1.0)
    with pytest.raises(NotApplicable, match="without a bias"):
        drop_rows(nn.Linear(2, 3, bias=False), [0], -1.0)
    with pytest.raises(NotApplicable, match="a head of 1 outputs"):
        drop_rows(nn.Linear(2, 1), [0], -1.0)
    with pytest.raises(UsageError, match=r"classes \[5\] are not all among the 3"):
        drop_rows(nn.Linear(2, 3), [5], -1.0)
    for wrong in (0.0, 3.0, -float("inf"), float("nan")):
        with pytest.raises(UsageError, match="must be negative and finite"):
            DropClass(wrong)


def test_a_class_that_is_partly_retained_is_not_dropped():
    net = Learner(nn.Linear(2, 3))
    x, y = torch.rand(4, 2), torch.tensor([0, 1, 2, 0])
    with pytest.raises(UsageError, match="class 0 has samples to forget and samples to retain"):
        mu.unlearn(net, "drop_class", forget=[(x[:1], y[:1])], retain=[(x[1:], y[1:])])
