"""Training that starts from a file: the head of other classes starts anew, nothing else does."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from mu.data.facts import data_root
from mu.errors import UsageError
from mu.models.base import Learner, build_learner
from mu.models.starting import head_tensors, said, start_from
from mu.models.weights import read_weights
from mu.training.fit import step as fit_step
from mu.training.start import step as start_step


class Net(nn.Module):
    def __init__(self, classes: int = 3, width: int = 4) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.BatchNorm1d(width))
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.body(x))


HEAD = ["network.head.weight", "network.head.bias"]


def started(state, skip=(), **options):
    """The learner before and after, and what started anew."""
    learner = Learner(Net(**options))
    before = {n: t.clone() for n, t in learner.state_dict().items()}
    return before, learner.state_dict(), start_from(learner, state, "w.pt", skip)


def test_a_head_of_the_same_classes_is_taken():
    state = Net().state_dict()
    _, after, anew = started(state)
    assert anew == []
    assert all(torch.equal(after[f"network.{n}"], t) for n, t in state.items())


@pytest.mark.parametrize("without", [False, True])
def test_a_head_of_other_classes_starts_anew(without):
    state = {f"module.{n}": t for n, t in Net(classes=7).state_dict().items()}
    if without:
        state = {n: t for n, t in state.items() if "head" not in n}
    before, after, anew = started(state)
    assert anew == HEAD
    assert all(torch.equal(after[n], before[n]) for n in HEAD)
    assert torch.equal(after["network.body.0.weight"], state["module.body.0.weight"])


@pytest.mark.parametrize("skip", ["head", "network.head", "head.*", "network.head."])
def test_a_part_starts_anew_where_asked(skip):
    before, after, anew = started(Net().state_dict(), [skip])
    assert anew == HEAD
    assert all(torch.equal(after[n], before[n]) for n in HEAD)


def test_parts_of_the_file_may_be_left_out():
    state = Net().state_dict() | {"projector.weight": torch.zeros(2, 2)}
    with pytest.raises(UsageError, match=r"unexpected projector\.weight.*checkpoint_skip"):
        started(state)
    assert started(state, ["projector"])[2] == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"width": 5}, "network.body.0.weight"),
        ({"width": 5, "classes": 7}, "network.body.0.weight"),
    ],
)
def test_a_mismatch_elsewhere_is_refused_by_name(options, named):
    learner = Learner(Net())
    before = {n: t.clone() for n, t in learner.state_dict().items()}
    with pytest.raises(UsageError, match=named):
        start_from(learner, Net(**options).state_dict(), "w.pt")
    assert all(torch.equal(t, before[n]) for n, t in learner.state_dict().items())


def test_a_part_that_is_nowhere_is_named():
    with pytest.raises(UsageError, match="has a part heat"):
        started(Net().state_dict(), ["heat"])


def test_a_network_without_a_linear_layer_has_no_head():
    assert head_tensors(Learner(nn.Conv2d(1, 1, 1))) == []


# Real ImageNet weights.

MODEL = {
    "_target_": "mu.models.timm.TimmModel",
    "name": "tf_efficientnet_lite0",
    "in_channels": 3,
    "num_classes": 10,
    "image_size": 32,
    "resize": 96,
}
ADAM = {"_target_": "torch.optim.Adam", "lr": 0.001}


@pytest.fixture(scope="module")
def imagenet():
    path = data_root() / "weights" / "tf_efficientnet_lite0.safetensors"
    if not path.is_file():
        pytest.skip(f"needs {path.name} in weights/ under MU_DATA_ROOT ({data_root()})")
    return str(path)


def test_imagenet_weights_start_all_but_the_head(imagenet):
    config = {"model": MODEL, "checkpoint": imagenet, "checkpoint_skip": []}
    found = start_step(config | {"normalisation": None}, {}, None).facts
    assert found["anew"] == ["network.net.classifier.weight", "network.net.classifier.bias"]
    assert found["warnings"] == said(imagenet, found["anew"])
    assert "but for net.classifier.weight, net.classifier.bias" in found["warnings"][0]
    learner = build_learner(MODEL)
    start_from(learner, read_weights(Path(imagenet)), "w")
    own = learner.state_dict()
    for name, tensor in load_file(imagenet).items():
        if not name.startswith("classifier"):
            assert torch.equal(own[f"network.net.{name}"], tensor), name


def test_what_starts_from_imagenet_learns(imagenet):
    if not (data_root() / "cifar-10-batches-py").is_dir():
        pytest.skip(f"needs cifar-10-batches-py under MU_DATA_ROOT ({data_root()})")
    data = {"_target_": "mu.data.images.CIFAR10", "n_train": 150, "n_test": 100}
    recipe = {"epochs": 4, "batch_size": 10, "optimizer": ADAM, "schedule": "cosine"}
    config = {"data": data, "model": MODEL, "recipe": recipe, "seed": 0, "device": "cpu"}
    found = fit_step(config | {"checkpoint": imagenet}, {"removed": []}, None)
    assert "start anew" in found.facts["warnings"][0]
    assert accuracy(data, found.tensors) > 0.25, "chance is 0.1, and so is a random start's"


@torch.no_grad()
def accuracy(data, tensors) -> float:
    from mu.data.build import build_data

    images, learner = build_data(data), build_learner(MODEL).eval()
    learner.load_state_dict(tensors)
    test = images.parts["test"]
    found = [learner(b.x).argmax(1) == b.y for b in images.loader(test, None, batch_size=50)]
    return float(torch.cat(found).float().mean())
