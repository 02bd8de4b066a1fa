"""What is the head, what it reads, and what counts as the last stage."""

import pytest
import torch
from torch import nn

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.base import Learner, as_batch
from mu.models.lenet import LeNet5
from mu.models.output_layer import head_inputs, output_layer
from mu.models.resnet import ResNet18
from mu.models.timm import TimmModel
from mu.models.vgg import VGG16BN
from mu.models.vision import CifarResNet, SmallCNN
from mu.unlearning.heads.frozen_trunk import last_stage

NETWORKS = {
    "lenet": lambda: LeNet5(1, 4, 16),
    "small_cnn": lambda: SmallCNN(1, 4, 8, 4, 8),
    "resnet8": lambda: CifarResNet(8, 1, 4),
    "resnet18": lambda: ResNet18(1, 4),
    "vgg": lambda: VGG16BN(1, 4, 8),
    "vit": lambda: TimmModel("test_vit", 1, 4, 16, patch_size=4),
}
STAGES = {
    "lenet": ["body.9"],
    "small_cnn": ["body.9"],
    "resnet8": ["layer3"],
    "resnet18": ["net.layer4"],
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_head_reads_the_features(name):
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    size = network.image_size or 16
    x = torch.rand(3, 1, size, size)
    head = output_layer(network)
    assert head.out_features == 4
    features, logits, _ = head_inputs(
        Learner(network), as_batch((x, torch.zeros(3, dtype=torch.int64))), head
    )
    assert torch.equal(logits, network(x)) and torch.equal(logits, head(features))
    torch.testing.assert_close(features, network.features(x))
    assert not head._forward_hooks


@pytest.mark.parametrize("name", NETWORKS)
def test_the_last_stage_is_before_the_head(name):
    network = NETWORKS[name]()
    head, names = output_layer(network), {m: n for n, m in network.named_modules()}
    found = last_stage(network, head)
    assert [names[m] for m in found] == STAGES.get(name, [names[m] for m in found])
    inside = {id(p) for m in found for p in m.parameters()}
    assert inside and not inside & {id(p) for p in head.parameters()}
    assert len(inside) < len(list(network.parameters())) - 2


def test_a_transformers_last_stage_is_its_last_block_and_the_normalisation():
    network = NETWORKS["vit"]()
    names = {m: n for n, m in network.named_modules()}
    last = len(network.net.blocks) - 1
    found = [names[m] for m in last_stage(network, output_layer(network))]
    assert found[0] == f"net.blocks.{last}" and "net.norm" in found


class Doubled(nn.Module):
    """Not its last linear layer's outputs."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(2, 3)

    def forward(self, x):
        return 2 * self.head(x)


def test_other_networks_are_refused():
    with pytest.raises(UsageError, match="Flatten has no linear layer"):
        output_layer(nn.Flatten())
    network = Doubled()
    batch = Batch(torch.rand(2, 2), torch.zeros(2, dtype=torch.int64), torch.arange(2))
    with pytest.raises(UsageError, match=r"logits of Doubled are not the outputs .* \(2 → 3\)"):
        head_inputs(Learner(network), batch, network.head)
