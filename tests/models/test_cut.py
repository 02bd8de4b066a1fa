"""A network cut in two, whoever wrote it."""

import copy

import pytest
import timm
import torch
import torchvision
from torch import nn
from torch.nn import functional

from mu.errors import UsageError
from mu.models.cut import check_seam, check_unshared, halves, trunk_digest
from mu.models.timm import TimmModel

CUTS = {
    "resnet18": "layer4",
    "vit_b_32": "encoder.layers.encoder_layer_10",
    "mobilenet_v3_small": "features.9",
    "densenet121": "features.denseblock4",
    "googlenet": "inception5a",
    "shufflenet_v2_x0_5": "stage4",
    "regnet_y_400mf": "trunk_output.block4",
    "convnext_tiny": "features.6",
}
TIMM = {
    "vit_tiny_patch16_224": "blocks.9",
    "test_resnet": "layer3",
    "test_efficientnet": "blocks.2",
    "test_convnext": "stages.2",
    "test_mambaout": "stages.2",
    "test_byobnet": "stages.1",
}


def agree(network: nn.Module, cut: str, x: torch.Tensor) -> None:
    """The halves compute what the network does, in evaluation mode and bit for bit."""
    network.eval()
    trunk, tail = halves(network, cut)
    with torch.no_grad():
        whole, cut_in_two = network(x), tail.eval()(trunk.eval()(x))
    assert torch.equal(whole, cut_in_two)
    own = {**dict(trunk.named_parameters()), **dict(tail.named_parameters())}
    missing = {n for n, _ in network.named_parameters()} - own.keys()
    assert not {n for n in missing if not n.startswith(("aux", "AuxLogits"))}
    check_unshared(trunk, tail, cut)


@pytest.mark.parametrize("name", CUTS)
def test_networks_of_torchvision_are_cut(name):
    extra = {"init_weights": True, "aux_logits": False} if name == "googlenet" else {}
    network = getattr(torchvision.models, name)(num_classes=3, **extra)
    size = 224 if name.startswith("vit") else 64
    agree(network, CUTS[name], torch.randn(2, 3, size, size))


@pytest.mark.parametrize("name", TIMM)
def test_networks_of_timm_are_cut(name):
    network = timm.create_model(name, num_classes=3)
    size = network.default_cfg["input_size"][1]
    agree(network, TIMM[name], torch.randn(2, 3, size, size))


def test_a_wrapped_network_is_cut_by_the_names_inside():
    network = TimmModel(
        "test_vit", 1, 3, 28, resize=32, patch_size=4, options={"dynamic_img_size": False}
    )
    agree(network, "blocks.1", torch.randn(2, 1, 28, 28))
    agree(network, "net.blocks.1", torch.randn(2, 1, 28, 28))


class Residual(nn.Module):
    """A shortcut past the part ``second``."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        x = self.first(x)
        return self.head(x + self.second(torch.relu(x)))


class Looks(Residual):
    """Its way depends on a value."""

    def forward(self, x):
        x = self.first(x)
        return self.head(x if x.sum() > 0 else -x)


class Drops(Residual):
    """Dropout without a module."""

    def forward(self, x):
        return self.head(functional.dropout(self.first(x), training=self.training))


class Tied(Residual):
    """Two parts with one weight."""

    def __init__(self):
        super().__init__()
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.head(self.second(self.first(x)))


@pytest.mark.parametrize(
    ("network", "cut", "words"),
    [
        (Residual(), "second", "2 values run past it"),
        (Residual(), "first", "nothing is left for a trunk"),
        (Residual(), "secnd", "no such part; there are second"),
        (Looks(), "head", "cannot be followed"),
        (Looks(), "second", "cannot be followed"),
        (Drops(), "head", "another thing in training"),
        (nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), "2", "no such part"),
    ],
)
def test_what_cannot_be_cut_is_refused_in_words(network, cut, words):
    network.train()
    with pytest.raises(UsageError, match=words):
        halves(network, cut)
    assert network.training, "left as it was"


def test_a_part_that_does_not_run_is_named():
    network = Residual()
    network.extra = nn.Linear(2, 2)
    with pytest.raises(UsageError, match="does not run this part"):
        halves(network, "extra")


def test_a_trunk_cannot_share_weights_with_what_is_trained():
    with pytest.raises(UsageError, match=r"second\.weight of the tail is first\.weight"):
        check_unshared(*halves(Tied(), "second"), "second")


def test_what_runs_over_a_seam_is_a_row_a_sample():
    assert check_seam(torch.ones(3, 2), 3, "x").shape == (3, 2)
    for wrong in (torch.ones(2, 2), torch.ones(3, dtype=torch.int64), [torch.ones(3)]):
        with pytest.raises(UsageError, match="one row each is due"):
            check_seam(wrong, 3, "x")


def test_the_digest_of_a_trunk_is_of_its_weights_and_statistics():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))
    trunk, _ = halves(network, "3")
    before, other = trunk_digest(trunk), copy.deepcopy(network)
    other[3].weight.data.add_(1)
    assert trunk_digest(halves(other, "3")[0]) == before, "the tail is not of it"
    other[1].num_batches_tracked += 1
    assert trunk_digest(halves(other, "3")[0]) == before
    other[1].running_mean += 1
    assert trunk_digest(halves(other, "3")[0]) != before
