"""Several models on one reading of a user's loaders."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from mu.doors.loaders import Read
from mu.models.base import Learner
from mu.models.own_loss import OwnLoss
from mu.models.together import listen

X, Y = torch.randn(30, 4), torch.arange(30) % 3


def parts(shuffle=False):
    sets = {name: TensorDataset(X[at], Y[at]) for name, at in AT.items()}
    return {name: Read(DataLoader(one, 4, shuffle=shuffle)) for name, one in sets.items()}


AT = {"forget": slice(0, 6), "retain": slice(6, 20), "test": slice(20, 30)}


def test_all_models_are_shown_the_same_batches_of_a_loader_that_shuffles():
    first, second = Learner(nn.Linear(4, 3)), Learner(nn.Linear(4, 3))
    (a, b, c), split = listen([first, second, first], parts(shuffle=True), "cpu", False)
    assert (a.logits == c.logits).all() and (a.targets == b.targets).all()
    assert [len(ids) for ids in (split.forget, split.retain, split.test)] == [6, 14, 10]
    assert sorted(a.targets[split.forget]) == sorted(Y[:6].tolist())


def test_features_are_dropped_where_a_forgotten_class_is_retained():
    learner = Learner(nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3)))
    (found,), _ = listen([learner], parts(), "cpu", True)
    assert found.features is None
    gone = {"forget": [(X[Y == 0], Y[Y == 0])], "retain": [(X[Y > 0], Y[Y > 0])]}
    loaders = {name: Read(one) for name, one in (gone | {"test": [(X, Y)]}).items()}
    (found,), _ = listen([learner], loaders, "cpu", True)
    assert found.features.shape == (60, 5)


def test_losses_are_kept_of_a_loss_of_ones_own():
    learner = OwnLoss(nn.Linear(4, 2), nn.MSELoss())
    targets = torch.rand(30, 2)
    loaders = {name: Read([(X[at], targets[at])]) for name, at in AT.items()}
    (found,), split = listen([learner], loaders, "cpu", False)
    wanted = (learner(X) - targets).square().mean(1).detach().numpy()
    assert found.losses == pytest.approx(wanted, rel=1e-5)
    assert not found.classifies and len(split.test) == 10


def test_twins_are_warned_of():
    loaders = {"forget": Read([(X[:5], Y[:5])]), "retain": Read([(X[4:9], Y[4:9])])}
    with pytest.warns(UserWarning, match="1 of the samples to forget is in retain= as well"):
        listen([Learner(nn.Linear(4, 3))], loaders | {"test": Read([(X[9:], Y[9:])])}, "cpu", False)
