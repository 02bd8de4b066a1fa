"""Per-sample sums of whole networks and of every way to use a parameter, against a plain loop."""

import pytest
import torch
from per_sample_case import Body, assert_same, by_formula, images, learner_of, loop, losses
from torch import nn
from torch.nn import functional

from mu.gradients.per_sample import per_sample_sums
from mu.models.lenet import LeNet5
from mu.models.resnet import ResNet18
from mu.models.timm import TimmModel
from mu.models.vision import CifarResNet, SmallCNN

__all__ = ["by_formula"]

NETWORKS = {
    "cnn": (lambda: SmallCNN(1, 4, 8, 4, 8), (7, 1, 8, 8)),
    "lenet": (lambda: LeNet5(1, 4, 16), (7, 1, 16, 16)),
    "resnet8": (lambda: CifarResNet(8, 3, 4), (7, 3, 16, 16)),
    "resnet18": (lambda: ResNet18(3, 4), (6, 3, 8, 8)),
    "vit": (lambda: TimmModel("test_vit", 3, 4, 32, patch_size=8), (6, 3, 32, 32)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_gives_what_a_loop_gives_and_by_formula(name, by_formula):
    make, shape = NETWORKS[name]
    learner = learner_of(make())
    x, y = images(*shape)
    found = per_sample_sums(learner, [(x[:4], y[:4]), (x[4:], y[4:])], losses, memory_mb=1)
    assert_same(found.total, loop(learner, x, y))
    assert by_formula[0] is True
    assert found.selected is None and (found.count, found.count_selected) == (len(x), 0)


@pytest.mark.parametrize("name", NETWORKS)
def test_absolute_values(name, by_formula):
    make, shape = NETWORKS[name]
    learner = learner_of(make())
    x, y = images(*shape)
    loss = lambda z, _: z.square().sum(-1)  # noqa: E731
    found = per_sample_sums(learner, [(x, y)], loss, power="abs")
    assert_same(found.total, loop(learner, x, y, loss, torch.abs))
    assert by_formula == [True]


LAYERS = {
    "plain": lambda: nn.Conv2d(6, 5, 3, padding=1),
    "strided": lambda: nn.Conv2d(6, 4, 3, stride=2, padding=1),
    "dilated": lambda: nn.Conv2d(6, 4, 3, padding=(2, 1), dilation=(2, 1)),
    "same, even kernel": lambda: nn.Conv2d(6, 4, (4, 3), padding="same", dilation=(1, 2)),
    "valid": lambda: nn.Conv2d(6, 4, 5, padding="valid"),
    "circular": lambda: nn.Conv2d(6, 4, 3, padding=1, padding_mode="circular"),
    "1×1": lambda: nn.Conv2d(6, 4, 1, bias=False),
    "1×1 strided": lambda: nn.Conv2d(6, 4, 1, stride=2),
    "wide": lambda: nn.Conv2d(6, 1300, 3, padding=1),
    "large": lambda: nn.Conv2d(6, 300, 7),
    "groups": lambda: nn.Conv2d(6, 9, 3, groups=3, stride=(1, 2)),
    "depthwise": lambda: nn.Conv2d(6, 12, 3, groups=6, padding=1),
    "groups folded": lambda: nn.Sequential(nn.Conv2d(6, 9, 3, groups=3), nn.BatchNorm2d(9)),
    "bias folded": lambda: nn.Sequential(
        nn.Conv2d(6, 9, 3, padding=1), nn.BatchNorm2d(9), nn.ReLU(inplace=True)
    ),
    "large kernel folded": lambda: nn.Sequential(
        nn.Conv2d(6, 9, 7, stride=2), nn.BatchNorm2d(9), nn.ReLU(inplace=True)
    ),
    "no scale": lambda: nn.Sequential(nn.Conv2d(6, 9, 3), nn.BatchNorm2d(9, affine=False)),
    "in place": lambda: nn.Sequential(
        nn.Conv2d(6, 9, 3), nn.ReLU(inplace=True), nn.Conv2d(9, 9, 3), nn.ReLU(inplace=True)
    ),
    "batch norm first": lambda: nn.Sequential(nn.BatchNorm2d(6), nn.ReLU(inplace=True)),
    "batch norm after something else": lambda: nn.Sequential(
        nn.Conv2d(6, 9, 3), nn.GELU(), nn.BatchNorm2d(9)
    ),
    "group norm": lambda: nn.Sequential(nn.Conv2d(6, 8, 3), nn.GroupNorm(2, 8), nn.GELU()),
    "layer norm": lambda: nn.Sequential(nn.Conv2d(6, 4, 3), nn.LayerNorm([4, 6, 6]), nn.GELU()),
    "layer norm of rows": lambda: nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 5), nn.GELU()),
    "3 dimensions": lambda: nn.Sequential(
        nn.Unflatten(1, (2, 3)), nn.Conv3d(2, 4, (2, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
    ),
    "1 dimension": lambda: nn.Sequential(
        nn.Flatten(2), nn.Conv1d(6, 4, 5, stride=3, padding=2), nn.ReLU(inplace=True)
    ),
}


def width_of(body):
    return body(torch.zeros(2, 6, 8, 8)).shape[1]


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
def test_a_layer(name, last, by_formula):
    torch.manual_seed(0)
    body = LAYERS[name]()
    learner = learner_of(Body(body.eval(), width_of(body)))
    for parameter in learner.parameters() if last else ():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    x, y = images(5, 6, 8, 8)
    found = per_sample_sums(learner, [(x, y)], losses, memory_mb=1)
    assert_same(found.total, loop(learner, x, y))
    assert by_formula == [True]


class Sequence(nn.Module):
    """Words, a class token, positions and a layer scale."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(9, 6, padding_idx=2)
        self.token = nn.Parameter(torch.randn(1, 1, 6))
        self.position = nn.Parameter(torch.randn(6, 6))
        self.scale = nn.Parameter(torch.randn(6))
        self.mix = nn.Linear(6, 6)
        self.norm = nn.LayerNorm(6)
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        x = self.table(x)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.position
        x = x + self.scale * self.mix(self.norm(x)).tanh()
        return self.head(x[:, 0] * self.scale + x.mean(1))


def test_words_tokens_positions_and_scales(by_formula):
    learner = learner_of(Sequence())
    x = torch.randint(0, 9, (7, 5), generator=torch.Generator().manual_seed(0))
    _, y = images(7, 1)
    found = per_sample_sums(learner, [(x, y)], losses)
    assert_same(found.total, loop(learner, x, y))
    assert by_formula == [True] and not found.total["network.table.weight"][2].any()


class Twice(nn.Module):
    """A module called twice, and two whose weight is tied."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(6, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6, bias=False)
        self.second.weight = self.first.weight
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        x = self.norm(self.conv(self.norm(self.conv(x)).relu()))
        return self.head(self.second(self.first(x.mean((2, 3))).tanh()))


class TiedTable(nn.Module):
    """The table of words is the head, and is scaled by itself."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(4, 6)

    def forward(self, x):
        return functional.linear(self.table(x).mean(1), self.table.weight)


@pytest.mark.parametrize("memory", [64, 1e-4], ids=["at once", "one by one"])
def test_parameters_used_several_times(memory, by_formula):
    learner = learner_of(Twice())
    x, y = images(6, 6, 4, 4)
    found = per_sample_sums(learner, [(x, y)], losses, memory_mb=memory)
    assert_same(found.total, loop(learner, x, y))
    words = learner_of(TiedTable())
    x = torch.randint(0, 4, (6, 3), generator=torch.Generator().manual_seed(0))
    assert_same(per_sample_sums(words, [(x, y)], losses).total, loop(words, x, y))
    assert by_formula == [True, True]
