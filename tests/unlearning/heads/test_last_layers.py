"""What counts as a layer, on every kind of network that there is."""

import copy

import pytest
import torch
from torch import nn

from mu.errors import UsageError
from mu.models.graph import GCN
from mu.models.lenet import LeNet5
from mu.models.resnet import ResNet18
from mu.models.timm import TimmModel
from mu.models.vision import CifarResNet, SmallCNN
from mu.unlearning.heads.last_layers import last_layers, layers, reinitialise, train_from

NETWORKS = {
    "lenet5": (lambda: LeNet5(3, 10), 5),
    "small_cnn": (lambda: SmallCNN(1, 4, 8), 4),
    "resnet8": (lambda: CifarResNet(8, 3, 10), 8),  # 7 convolutions and the head
    "resnet18": (lambda: ResNet18(3, 10), 21),  # 17 convolutions, 3 of shortcuts, the head
    "gcn": (lambda: GCN(8, 2), 2),
    # tokens, patches, four linear layers in each of two blocks or so, the head
    "vit": (lambda: TimmModel("test_vit", 3, 10, 32, patch_size=8), None),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_belongs_to_exactly_one_layer(name):
    make, count = NETWORKS[name]
    network = make()
    found = layers(network)
    owned = [id(p) for layer in found for p in layer.parameters()]
    assert sorted(owned) == sorted(id(p) for p in network.parameters())
    if count is not None:
        assert len(found) == count
    else:
        matrices = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
        assert len(found) == len(matrices) + 1  # the tokens and positions are a layer of their own


def test_a_normalisation_goes_with_the_convolution_before_it():
    network = CifarResNet(8, 3, 10)
    last_convolution = last_layers(network, 2)[0]
    block = network.layer3[0]
    assert last_convolution.modules == [block.conv2, block.bn2]


def test_a_graph_convolution_is_one_layer_with_its_bias():
    network = GCN(8, 2)
    (last,) = last_layers(network, 1)
    assert {id(p) for p in last.parameters()} == {id(p) for p in network.conv2.parameters()}


@pytest.mark.parametrize("k", [0, 6])
def test_another_number_of_layers_is_refused(k):
    with pytest.raises(UsageError, match=f"k={k}, but LeNet5 has 5 layers; k must be 1 to 5"):
        last_layers(LeNet5(3, 10), k)


@pytest.mark.parametrize("name", NETWORKS)
def test_drawing_anew_changes_the_chosen_layers_and_no_other(name):
    network = NETWORKS[name][0]()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(0.123)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.fill_(3.0)
    before = {n: t.clone() for n, t in network.state_dict().items()}
    chosen = last_layers(network, 2)
    reinitialise(chosen)
    inside = {id(m) for layer in chosen for m in layer.modules}
    for prefix, module in network.named_modules():
        for key, tensor in [
            *module.named_parameters(recurse=False),
            *module.named_buffers(recurse=False),
        ]:
            old = before.get(f"{prefix}.{key}".lstrip("."))
            if old is None or "num_batches" in key or key == "running_var":
                continue
            assert torch.equal(tensor, old) == (id(module) not in inside), f"{prefix}.{key}"


def test_all_layers_of_a_vision_transformer_can_be_drawn_anew():
    network = TimmModel("test_vit", 3, 10, 32, patch_size=8)
    before = copy.deepcopy(network)
    reinitialise(layers(network))
    for (name, new), old in zip(network.named_parameters(), before.parameters(), strict=True):
        assert new.dim() < 2 or not torch.equal(new, old), name


def test_a_vector_that_nothing_can_reset_is_refused_and_nothing_is_changed():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3))

    network = nn.Sequential(nn.Linear(2, 3), Scaled())
    before = network[0].weight.clone()
    with pytest.raises(UsageError, match="Scaled has no reset_parameters"):
        reinitialise(layers(network))
    assert torch.equal(network[0].weight, before)


def test_modes_change_where_the_first_trained_layer_is():
    network = CifarResNet(8, 3, 10).train()
    train_from(network, last_layers(network, 2))
    block = network.layer3[0]
    assert network.training and network.linear.training and block.bn2.training
    assert not (block.bn1.training or network.bn1.training or network.layer2[0].bn2.training)
