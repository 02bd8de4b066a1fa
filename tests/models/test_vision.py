"""Image networks."""

from pathlib import Path

import pytest
import torch

from mu.models.base import Learner, load_weights, read_weights
from mu.models.vision import CifarResNet, SmallCNN

WEIGHTS = Path(__file__).parents[3] / "shared" / "data" / "weights"


@pytest.mark.parametrize(("depth", "parameters"), [(20, 269_722), (56, 853_018)])
def test_residual_networks_have_the_published_size(depth, parameters):
    network = CifarResNet(depth, 3, 10)
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize("depth", [2, 9, 21])
def test_other_depths_are_refused(depth):
    with pytest.raises(ValueError, match=f"depth={depth}"):
        CifarResNet(depth, 3, 10)


@pytest.mark.parametrize(
    ("network", "size", "width"),
    [
        (SmallCNN(2, 5, 8, 3, 7), 8, 7),
        (SmallCNN(2, 5, 12, 3, 7), 12, 7),
        (CifarResNet(8, 2, 5), 32, 64),
    ],
)
def test_the_head_reads_the_features(network, size, width):
    network.eval()
    x = torch.rand(3, 2, size, size)
    features = network.features(x)
    assert features.shape == (3, width)
    head = network.head if isinstance(network, SmallCNN) else network.linear
    assert torch.allclose(network(x), head(features))
    assert network(x).shape == (3, 5)


def test_logits_do_not_depend_on_the_memory_format():
    network = CifarResNet(8, 3, 4).eval()
    x = torch.rand(2, 3, 32, 32)
    expected = network(x)
    network.to(memory_format=torch.channels_last)
    found = network(x.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("depth", [20, 56])
def test_published_weights_load_strictly(depth):
    files = sorted(WEIGHTS.glob(f"resnet{depth}-*.th"))
    if not files:
        pytest.skip(f"needs {WEIGHTS}/resnet{depth}-*.th")
    state = read_weights(files[0])
    assert all(name.startswith("module.") for name in state)
    learner = Learner(CifarResNet(depth, 3, 10))
    load_weights(learner, state, files[0].name)
    assert torch.equal(learner.network.conv1.weight, state["module.conv1.weight"])
    assert torch.equal(learner.network.linear.bias, state["module.linear.bias"])
