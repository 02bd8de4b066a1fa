"""What counts as a layer, on every kind of network that there is."""

import pytest
import torch
from layer_cases import NETWORKS
from torch import nn

from mu.errors import UsageError
from mu.models.base import Learner, as_batch
from mu.models.graph import GCN
from mu.models.lenet import LeNet5
from mu.models.order import order_of
from mu.models.vision import CifarResNet
from mu.unlearning.heads.last_layers import last_layers, layers, train_from


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


def test_modes_change_where_the_first_trained_layer_is():
    network = CifarResNet(8, 3, 10).train()
    order = order_of(Learner(network), as_batch((torch.zeros(2, 3, 32, 32), [0, 1])))
    train_from(network, last_layers(network, 2, order), order)
    block = network.layer3[0]
    assert network.training and network.linear.training and block.bn2.training
    assert not (block.bn1.training or network.bn1.training or network.layer2[0].bn2.training)
