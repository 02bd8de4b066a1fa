"""Batch normalisation of a single sample while training."""

import copy

import pytest
import torch
from torch import nn

from mu.errors import UsageError
from mu.models.base import Learner
from mu.training.fit import fit
from mu.training.lone_sample import lone_samples_served

RECIPE = {"epochs": 2, "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1}}


def network(**options):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, **options), nn.ReLU(), nn.Linear(4, 2))


def batches(*sizes):
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(n, 3, generator=generator), torch.arange(n) % 2) for n in sizes]


def test_one_sample_is_normalised_by_running_statistics_which_stay():
    net = network().train()
    net[1].running_mean.fill_(0.5)
    x = torch.ones(1, 3)
    with pytest.raises(ValueError, match="more than 1 value"):
        net(x)
    before = copy.deepcopy(net)
    with lone_samples_served():
        found = net(x)
    assert torch.equal(found, copy.deepcopy(before).eval()(x))
    assert net[1].training and all(
        torch.equal(a, b) for a, b in zip(net.buffers(), before.buffers(), strict=True)
    )
    with pytest.raises(ValueError, match="more than 1 value"):
        net(x)  # served inside only


def test_other_batches_and_layers_are_as_they_were():
    net, images = network().train(), nn.BatchNorm2d(2).train()
    other, alike = copy.deepcopy(net), copy.deepcopy(images)
    (x, _), picture = batches(5)[0], torch.randn(1, 2, 3, 3)
    with lone_samples_served():
        found = net(x), images(picture)
    assert torch.equal(found[0], other(x)) and torch.equal(found[1], alike(picture))
    assert torch.equal(net[1].running_var, other[1].running_var)


def test_a_layer_that_fails_is_left_in_training_mode():
    layer = nn.BatchNorm1d(4).train()
    with lone_samples_served(), pytest.raises(RuntimeError):
        layer(torch.ones(1, 3))
    assert layer.training


def test_training_takes_a_last_batch_of_one():
    learner = Learner(network())
    fit(learner, batches(4, 4, 1), RECIPE)
    assert all(bool(p.isfinite().all()) for p in learner.parameters())
    assert int(learner.network[1].num_batches_tracked) == 4, "two of three batches in two epochs"


def test_without_running_statistics_it_is_refused_in_words():
    with pytest.raises(UsageError, match="batches of two or more"):
        fit(Learner(network(track_running_stats=False)), batches(4, 1), RECIPE)
