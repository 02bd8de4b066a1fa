"""A loss of the user's own, in its three forms."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.own_loss import OwnLoss, learner_of

Z, Y = torch.randn(5, 3), torch.rand(5, 3)


def per_row(outputs, targets):
    return (outputs - targets).square()


@pytest.mark.parametrize("criterion", [nn.MSELoss(), functional.mse_loss, per_row])
def test_three_forms_of_one_loss(criterion):
    learner = OwnLoss(nn.Linear(2, 3), criterion)
    each = learner.loss(Z, Y, "none")
    torch.testing.assert_close(each, (Z - Y).square().mean(1))
    torch.testing.assert_close(learner.loss(Z, Y), each.mean())
    torch.testing.assert_close(learner.loss(Z, Y, "sum"), each.sum())


def test_the_mean_is_the_criterions_own():
    weights = torch.tensor([1.0, 5.0, 1.0])
    criterion, y = nn.CrossEntropyLoss(weights, label_smoothing=0.1), torch.tensor([0, 1, 2, 1, 0])
    learner = OwnLoss(nn.Linear(2, 3), criterion)
    assert learner.loss(Z, y) == criterion(Z, y)
    assert criterion.reduction == "mean"
    assert not any("weight" in name and "criterion" in name for name in learner.state_dict())


def test_outputs_and_targets_go_there_as_they_are():
    learner = OwnLoss(nn.Flatten(0), nn.BCEWithLogitsLoss())
    outputs, targets = learner.outputs(Batch(torch.zeros(4, 1), torch.ones(4), torch.arange(4)))
    assert outputs.shape == targets.shape == (4,)


def test_a_subclass_with_a_loss_has_its_own_outputs():
    class Squares(Learner):
        def loss(self, logits, targets, reduction="mean"):
            return functional.mse_loss(logits, targets, reduction=reduction)

    learner, y = Squares(nn.Identity()), torch.tensor([[0.3], [2.0]])
    assert learner.own_loss and learner.outputs(Batch(y, y, torch.arange(2)))[1] is y
    assert learner.batch_loss(Batch(y, y, torch.arange(2))) == 0


def test_what_is_no_loss_or_no_network():
    net = nn.Linear(2, 3)
    with pytest.raises(UsageError, match="cannot be called"):
        OwnLoss(net, "mse")
    with pytest.raises(UsageError, match=r"gives a tensor of shape \(\) for 5 samples"):
        OwnLoss(net, lambda z, y: (z - y).sum()).loss(Z, Y, "none")
    with pytest.raises(UsageError, match=r"loss=BCEWithLogitsLoss fails on outputs"):
        OwnLoss(net, nn.BCEWithLogitsLoss()).loss(Z, Y[:, :2])
    with pytest.raises(UsageError, match="has a loss of its own"):
        learner_of(OwnLoss(net, nn.MSELoss()), nn.MSELoss())
    with pytest.raises(UsageError, match=r"the network is a OrderedDict.*load_state_dict"):
        learner_of(net.state_dict())
