"""A network and its first batch."""

import pytest
import torch
from torch import nn

from mu.data.base import Batch
from mu.doors.checked import Task, refuse_diverged, task_of
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.own_loss import OwnLoss

X = torch.randn(4, 3)
Y = torch.tensor([0, 1, 1, 0])


def task(net, y, x=X, loss=None):
    learner = Learner(net) if loss is None else OwnLoss(net, loss)
    return task_of(learner, Batch(x, y, torch.arange(4)), "forget=")


def test_what_a_network_is_asked_for():
    assert task(nn.Linear(3, 2), Y) == Task(2, True)
    assert task(nn.Linear(3, 1), Y.float()) == Task(1, True)
    assert task(nn.Linear(3, 2), Y, loss=nn.CrossEntropyLoss()) == Task(2, True)
    assert task(nn.Linear(3, 2), torch.rand(4, 2), loss=nn.BCEWithLogitsLoss()) == Task(2, False)
    counts = nn.PoissonNLLLoss()
    assert task(nn.Linear(3, 1), torch.tensor([[3.0]] * 4), loss=counts) == Task(1, False)


def test_a_mode_is_left_as_it_was():
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    task(net, Y)
    assert net.training and net[1].num_batches_tracked == 0


@pytest.mark.parametrize(
    ("net", "x", "message"),
    [
        (
            nn.Linear(5, 2),
            X,
            r"Linear fails on the first batch of forget= \(inputs: float32",
        ),
        (nn.Linear(3, 2), X.double(), "float64"),
        (nn.Linear(3, 2), X.long(), "int64"),
        (nn.Linear(3, 2), X + torch.nan, "not finite on the first batch of forget="),
        (nn.Linear(3, 1), X, "label 2 is outside the 2 classes"),
    ],
)
def test_what_does_not_belong_together(net, x, message):
    with pytest.raises(UsageError, match=message):
        task(net, torch.tensor([0, 1, 2, 0]) if "label" in message else Y, x)


def test_weights_that_diverged():
    net = nn.Linear(3, 2)
    refuse_diverged(net)
    net.weight.data[0, 0] = torch.inf
    with pytest.raises(UsageError, match="weight of Linear holds values that are not finite"):
        refuse_diverged(net)
