"""Probabilities in place of logits, told from logits that lie between 0 and 1."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from mu.data.base import Batch
from mu.doors.checked import task_of
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.own_loss import OwnLoss

X = torch.linspace(-1, 1, 12).reshape(4, 3)
Y = torch.tensor([0, 1, 1, 0])
MANY = torch.tensor([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0]])


class Ends(nn.Module):
    """A linear layer with a function at its end."""

    def __init__(self, columns, end):
        super().__init__()
        self.layer, self.end = nn.Linear(3, columns), end

    def forward(self, x):
        return self.end(self.layer(x))


def look(net, y=Y, loss=None):
    learner = Learner(net) if loss is None else OwnLoss(net, loss)
    return task_of(learner, Batch(X, y, torch.arange(4)), "forget=")


@pytest.mark.parametrize(
    ("columns", "end"),
    [
        (1, nn.Sigmoid()),
        (1, torch.sigmoid),
        (1, lambda z: z.sigmoid()[:, 0]),
        (1, lambda z: torch.special.expit(z)),
        (1, lambda z: z.sigmoid_()),
        (2, nn.Sigmoid()),
    ],
)
def test_a_sigmoid_at_the_end_is_named(columns, end):
    with pytest.raises(UsageError, match=r"Ends returns .* of forget= \(its sigmoid's\)"):
        look(Ends(columns, end))


def test_one_column_of_a_softmax_is_named():
    with pytest.raises(UsageError, match=r"\(its softmax's\), not logits; leave its softmax out"):
        look(Ends(2, lambda z: z.softmax(1)[:, 1]))


@pytest.mark.parametrize(
    "end",
    [
        lambda z: z * 0.01 + 0.5,  # logits that happen to lie there
        lambda z: (10 * z).sigmoid() * 0.5,  # made of a sigmoid, and none
        lambda z: z.sigmoid().mul_(z.abs()),  # a gate that is changed in place
        lambda z: torch.logit(z.sigmoid()),
        lambda z: (z > 0).float(),
    ],
)
def test_numbers_between_0_and_1_are_no_evidence(end):
    look(Ends(1, end))


def test_an_inner_sigmoid_is_no_end():
    net = nn.Sequential(nn.Linear(3, 2), nn.Sigmoid(), nn.Linear(2, 1))
    net[2].weight.data.fill_(0.1)
    net[2].bias.data.fill_(0.2)
    found = net(X).detach()
    assert found.min() > 0 and found.max() < 1
    look(net)


@pytest.mark.parametrize(
    "loss", [nn.BCEWithLogitsLoss(), functional.binary_cross_entropy_with_logits]
)
def test_a_loss_that_takes_logits_is_not_given_probabilities(loss):
    with pytest.raises(UsageError, match="its sigmoid's"):
        look(Ends(2, nn.Sigmoid()), MANY, loss)
    look(Ends(2, nn.Identity()), MANY, loss)


@pytest.mark.parametrize("loss", [nn.BCELoss(), nn.MSELoss(), lambda z, y: (z - y).square()])
def test_a_loss_that_takes_probabilities_gets_them(loss):
    look(Ends(2, nn.Sigmoid()), MANY, loss)


def test_a_softmax_before_cross_entropy_of_ones_own():
    with pytest.raises(UsageError, match="rows that sum to 1"):
        look(Ends(2, nn.Softmax(1)), loss=nn.CrossEntropyLoss())


def test_a_network_is_asked_again_only_where_there_is_reason():
    asked = []
    look(Ends(1, lambda z: asked.append(1) or z + 5))
    assert len(asked) == 1


def test_a_compiled_or_scripted_network_is_seen_through():
    scripted = torch.jit.script(nn.Sequential(nn.Linear(3, 1), nn.Sigmoid()))
    with pytest.raises(UsageError, match="its sigmoid's"):
        look(scripted)
    compiled = torch.compile(nn.Sequential(nn.Linear(3, 1), nn.Sigmoid()), backend="eager")
    with pytest.raises(UsageError, match="its sigmoid's"):
        look(compiled)
