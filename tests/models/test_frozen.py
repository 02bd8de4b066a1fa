"""A frozen normalisation keeps its statistics while the rest of the network trains."""

import torch
from torch import nn

from mu.models.base import Learner
from mu.models.frozen import resting


def body(affine=True):
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, affine=affine), nn.Dropout(0.5))


def test_training_mode_reaches_all_but_frozen_statistics():
    network = nn.Sequential(body().requires_grad_(False), body(), nn.Linear(4, 3))
    learner = Learner(network)
    assert learner.train() is learner
    rested = [name for name, m in learner.named_modules() if not m.training]
    assert rested == ["network.0.1"]  # dropout in a frozen body goes on
    before = network[0][1].running_mean.clone()
    learner(torch.rand(8, 4) + 5)
    assert torch.equal(network[0][1].running_mean, before) and network[1][1].running_mean.any()
    network[0].requires_grad_(True)
    assert all(m.training for m in learner.train().modules())
    assert not any(m.training for m in learner.eval().modules())


def test_statistics_without_parameters_go_by_what_is_around_them():
    frozen, loose = body(affine=False), nn.BatchNorm1d(4, affine=False)
    network = nn.Sequential(frozen.requires_grad_(False), loose, nn.Linear(4, 3))
    assert resting(network) == [frozen[1]]
    assert resting(nn.BatchNorm1d(4, affine=False)) == []


def test_a_normalisation_that_is_partly_frozen_trains():
    network = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    network[1].bias.requires_grad_(False)
    assert resting(network) == []
