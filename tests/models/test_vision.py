"""Image networks."""

import pytest
import torch
from torch import nn

from mu.errors import UsageError
from mu.models.image import ImageNetwork
from mu.models.resnet import ResNet18
from mu.models.vgg import VGG16BN
from mu.models.vision import CifarResNet, SmallCNN


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (lambda: CifarResNet(8, 3, 10), 75_290),
        (lambda: CifarResNet(20, 3, 10), 269_722),
        (lambda: CifarResNet(56, 3, 10), 853_018),
        (lambda: ResNet18(3, 10), 11_173_962),
        (lambda: VGG16BN(3, 10, 32), 14_724_042),
    ],
)
def test_networks_have_the_published_size(make, parameters):
    assert sum(p.numel() for p in make().parameters()) == parameters


@pytest.mark.parametrize("depth", [2, 9, 21])
def test_other_depths_are_refused(depth):
    with pytest.raises(UsageError, match=f"depth={depth}"):
        CifarResNet(depth, 3, 10)


@pytest.mark.parametrize(
    ("network", "size", "width"),
    [
        (SmallCNN(2, 5, 8, 3, 7), 8, 7),
        (SmallCNN(2, 5, 12, 3, 7), 12, 7),
        (CifarResNet(8, 2, 5), 32, 64),
        (ResNet18(2, 5), 16, 512),
        (VGG16BN(2, 5, 32), 32, 512),
        (VGG16BN(2, 5, 8), 8, 512),
    ],
)
def test_the_head_reads_the_features(network, size, width):
    network.eval()
    x = torch.rand(3, 2, size, size)
    features = network.features(x)
    assert features.shape == (3, width)
    head = [m for m in network.modules() if isinstance(m, nn.Linear)][-1]
    assert torch.allclose(network(x), head(features), atol=1e-5)
    assert network(x).shape == (3, 5)


def test_the_residual_network_keeps_the_resolution_of_small_images():
    network, seen = ResNet18(3, 10).eval(), []
    for stage in (network.net.layer1, network.net.layer4):
        stage.register_forward_hook(lambda module, x, y: seen.append(tuple(y.shape[1:])))
    network(torch.zeros(1, 3, 32, 32))
    assert seen == [(64, 32, 32), (512, 4, 4)]


@pytest.mark.parametrize(("size", "poolings"), [(8, 3), (28, 4), (32, 5), (64, 5)])
def test_vgg_pools_as_long_as_there_is_something_to_pool(size, poolings):
    network = VGG16BN(1, 2, size)
    assert sum(isinstance(m, nn.MaxPool2d) for m in network.modules()) == poolings


def test_logits_do_not_depend_on_the_memory_format():
    network = CifarResNet(8, 3, 4).eval()
    x = torch.rand(2, 3, 32, 32)
    expected = network(x)
    network.to(memory_format=torch.channels_last)
    found = network(x.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(found, expected, atol=1e-5)


def test_initial_weights_are_drawn_in_the_order_of_the_layers():
    """Stored results began with these bits: nothing may be drawn before or between them."""
    torch.manual_seed(0)
    network = SmallCNN(1, 10, 8)
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 16, 3, bias=False), nn.Conv2d(16, 32, 3, bias=False)]
    layers += [nn.Linear(128, 64), nn.Linear(64, 10)]
    own = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    for found, expected in zip(own, layers, strict=True):
        assert torch.equal(found.weight, expected.weight)


# What does not fit.


@pytest.mark.parametrize("size", [30, 9])
def test_an_image_size_that_pooling_does_not_divide_is_named(size):
    with pytest.raises(UsageError, match=f"SmallCNN: image_size={size} is not a multiple of 4"):
        SmallCNN(1, 10, size)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: SmallCNN(0, 10, 8), "in_channels=0"),
        (lambda: SmallCNN(1, 0, 8), "num_classes=0"),
        (lambda: SmallCNN(1, 2, 0), "image_size=0"),
        (lambda: ResNet18(-1, 2), "ResNet18: in_channels=-1"),
    ],
)
def test_numbers_below_one_are_named(make, named):
    with pytest.raises(UsageError, match=named):
        make()


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (2, 1, 8, 12), (2, 1, 16, 16), (2, 64)])
def test_images_of_another_shape_are_named(shape):
    network = SmallCNN(1, 2, 8)
    with pytest.raises(UsageError, match=r"SmallCNN takes images 8×8 with 1 channels.*given \(2, "):
        network(torch.zeros(shape))
    with pytest.raises(UsageError, match="given"):
        network.features(torch.zeros(shape))


def test_networks_of_any_size_ask_for_their_channels_only():
    network = CifarResNet(8, 3, 2).eval()
    assert network(torch.zeros(1, 3, 20, 24)).shape == (1, 2)
    with pytest.raises(UsageError, match="of any size with 3 channels"):
        network(torch.zeros(1, 1, 32, 32))


def test_a_network_without_a_body_says_so():
    with pytest.raises(AttributeError, match="'ImageNetwork' object has no attribute 'body'"):
        ImageNetwork(1, 2)(torch.zeros(1, 1, 2, 2))
