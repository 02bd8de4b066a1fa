"""Retraining nothing but the head."""

import cases
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

import mu
from mu.errors import UsageError
from mu.models.predict import predict
from mu.unlearning.base import Context, apply
from mu.unlearning.head_retraining import HeadRetraining
from mu.unlearning.heads.frozen_trunk import FrozenTrunk


@pytest.fixture(scope="module")
def case():
    return cases.images()


def features(learner, data, ids):
    (batch,) = data.loader(ids)
    with torch.no_grad():
        return learner.eval().features(batch), batch.y


def test_from_zero_the_head_is_a_logistic_regression_on_the_features(case):
    method = HeadRetraining(epochs=400, lr=0.05, batch_size=None, weight_decay=0.02)
    found = apply(method, case.learner, case.parts(), Context()).learner
    z, y = features(case.learner, case.data, case.parts()["retain"].ids)
    # Weight decay reaches the bias too, so it is a column of ones.
    rows = torch.cat([z, torch.ones(len(z), 1)], 1).double().numpy()
    reference = LogisticRegression(C=1 / (0.02 * len(z)), fit_intercept=False, tol=1e-9)
    reference.fit(rows, y.numpy())
    head = found.network.head
    own = torch.cat([head.weight, head.bias[:, None]], 1).detach().numpy()
    expected = reference.predict_proba(rows)
    logits = rows @ own.T
    found_p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    # The class that is gone keeps a small probability: it has a row, the reference has none.
    np.testing.assert_allclose(found_p[:, [0, 1, 3]], expected, atol=0.05)
    assert (found_p.argmax(1) == y.numpy()).all()


def test_the_trunk_and_its_running_statistics_stay(case):
    for start in ("zero", "original"):
        found = apply(HeadRetraining(start), case.learner, case.parts(), Context()).learner
        for name, tensor in case.learner.state_dict().items():
            same = torch.equal(found.state_dict()[name], tensor)
            assert same == (not name.startswith("network.head."))


def test_from_zero_the_class_is_forgotten_and_from_the_original_it_need_not_be(case):
    forget = case.data.loader(case.forget)
    zero = apply(HeadRetraining("zero"), case.learner, case.parts(), Context())
    kept = apply(HeadRetraining("original"), case.learner, case.parts(), Context())
    rates = [(predict(m.learner, forget).logits.argmax(1) == 2).mean() for m in (zero, kept)]
    assert rates[0] == 0 < rates[1]  # a retrained model names the class never


def test_an_epoch_costs_no_pass_of_the_network(case):
    one, ten = (
        apply(HeadRetraining(epochs=e), case.learner, case.parts(), Context()).meter
        for e in (1, 10)
    )
    assert (one.forward, one.backward) == (ten.forward, ten.backward) == (75, 0)


def test_the_function_is_what_runs(case, monkeypatch):
    def stub(*_):
        raise RuntimeError("called")

    monkeypatch.setattr(FrozenTrunk, "features_of", stub)
    with pytest.raises(RuntimeError, match="called"):
        apply(HeadRetraining(), case.learner, case.parts(), Context())


def test_a_users_own_network_and_loader_are_served():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    batch = (torch.eye(3), torch.tensor([0, 1, 0]))
    new = mu.unlearn(net, "head_retraining", retain=[batch], epochs=3)
    assert torch.equal(new[0].weight, net[0].weight)
    assert not torch.equal(new[2].weight, net[2].weight)
    assert [p.requires_grad for p in new.parameters()] == [True] * 4


def test_what_makes_no_sense_is_refused():
    with pytest.raises(UsageError, match="start='random' is not one of zero, original"):
        HeadRetraining("random")
    net = nn.Sequential(nn.Linear(3, 2))
    with pytest.raises(UsageError, match="retain= has no batches"):
        mu.unlearn(net, "head_retraining", retain=[])
    net.requires_grad_(False)
    with pytest.raises(UsageError, match="frozen in the model"):
        mu.unlearn(net, "head_retraining", retain=[(torch.eye(3), torch.tensor([0, 1, 0]))])
