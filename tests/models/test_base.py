"""The Learner, and weights that come from elsewhere."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.base import (
    Learner,
    as_batch,
    build_learner,
    cross_entropy,
    evaluation_mode,
)


def test_one_logit_means_binary():
    z, y = torch.tensor([[2.0], [-1.0], [0.5]]), torch.tensor([1, 0, 0])
    two = torch.cat([torch.zeros(3, 1), z], dim=1)
    expected = functional.cross_entropy(two, y, reduction="none")
    assert torch.allclose(cross_entropy(z, y, "none"), expected)
    assert torch.allclose(cross_entropy(z, y), expected.mean())
    assert torch.allclose(cross_entropy(z, y, "sum"), expected.sum())
    assert torch.equal(cross_entropy(two, y, "none"), expected)


def test_weights_of_samples_weigh_their_losses():
    learner = Learner(nn.Linear(2, 3))
    x, y = torch.rand(4, 2), torch.tensor([0, 1, 2, 0])
    weight = torch.tensor([1.0, 0.0, 2.0, 1.0])
    single = learner.loss(learner(x), y, "none")
    found = learner.batch_loss(Batch(x, y, torch.arange(4), weight))
    assert torch.allclose(found, (single * weight).sum() / 4)
    assert torch.allclose(learner.batch_loss(as_batch((x, y))), single.mean())
    same = learner.batch_loss(Batch(x, y, torch.arange(4), torch.ones(4)))
    assert torch.allclose(same, single.mean())


def test_plain_pairs_are_batches_without_ids():
    x, y = torch.zeros(3, 2), torch.zeros(3)
    batch = as_batch((x, y))
    assert batch.index.tolist() == [-1, -1, -1]
    assert batch.units == 3
    assert as_batch(batch) is batch


def test_evaluation_mode_is_undone_module_by_module():
    model = nn.Sequential(nn.Linear(1, 1), nn.Dropout(), nn.BatchNorm1d(1)).train()
    model[1].eval()
    before = [m.training for m in model.modules()]

    def fail() -> None:
        with evaluation_mode(model):
            assert not any(m.training for m in model.modules())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [m.training for m in model.modules()] == before


def test_features_are_the_networks_own():
    config = {"_target_": "mu.models.vision.SmallCNN", "in_channels": 1}
    learner = build_learner(config | {"num_classes": 3, "image_size": 8, "hidden": 5})
    batch = as_batch((torch.rand(2, 1, 8, 8), torch.zeros(2)))
    assert learner.features(batch).shape == (2, 5)
    assert torch.allclose(learner.network.head(learner.features(batch)), learner(batch.x))
    with pytest.raises(UsageError, match=r"Linear has no method features"):
        Learner(nn.Linear(1, 1)).features(batch)


def test_a_bare_network_gets_a_learner_and_a_learner_stays():
    network = {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 2}
    assert isinstance(build_learner(network).network, nn.Linear)
    wrapped = {"_target_": "mu.models.base.Learner", "network": network}
    assert isinstance(build_learner(wrapped).network, nn.Linear)


def test_a_download_can_be_overruled_anywhere_in_the_configuration():
    network = {"_target_": "mu.models.timm.TimmModel", "name": "test_vit", "pretrained": True}
    network |= {"in_channels": 3, "num_classes": 2, "image_size": 32, "patch_size": 8}
    config = {"_target_": "mu.models.base.Learner", "network": network}
    before = copy.deepcopy(config)
    assert isinstance(build_learner(config, download=False), Learner)  # nothing is downloaded here
    assert config == before


def test_a_learner_is_configured_by_its_plan():
    learner = Learner(nn.Linear(1, 1))
    learner.training_plan = lambda own: ("plan", own)
    assert learner.configure_optimizers() == ("plan", learner)
    x = torch.rand(2, 1)
    assert torch.equal(learner.predict_step((x, torch.zeros(2))), learner(x))
