"""Weights that come from a file."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from mu.data.facts import data_root
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.predict import predict
from mu.models.resnet import ResNet18
from mu.models.vision import CifarResNet
from mu.models.weights import PREFIXES, load_weights, read_weights


def write(path: Path, content: object) -> Path:
    save_file(content, path) if path.suffix == ".safetensors" else torch.save(content, path)
    return path


# Loading.


@given(st.lists(st.sampled_from(PREFIXES), max_size=3).map("".join))
def test_weights_fit_whatever_wrapped_the_network(prefix):
    learner, other = Learner(nn.Linear(2, 3)), nn.Linear(2, 3)
    load_weights(learner, {f"{prefix}{n}": t for n, t in other.state_dict().items()}, "w")
    assert torch.equal(learner.network.weight, other.weight)
    assert torch.equal(learner.network.bias, other.bias)


@pytest.mark.parametrize("prefix", ["", "net.", "network.net.", "module.net."])
def test_names_of_a_wrapped_network_fit(prefix):
    learner, other = Learner(ResNet18(1, 2)), ResNet18(1, 2)
    load_weights(learner, {f"{prefix}{n}": t for n, t in other.net.state_dict().items()}, "w")
    assert torch.equal(learner.network.net.fc.weight, other.net.fc.weight)


def test_a_network_may_have_a_child_of_any_name():
    class Inner(nn.Module):
        def __init__(self):
            super().__init__()
            self.network, self.module = nn.Linear(1, 1), nn.Linear(2, 1)

    learner, other = Learner(nn.ModuleDict({"a": Inner()})), Learner(nn.ModuleDict({"a": Inner()}))
    load_weights(learner, other.state_dict(), "w")
    assert all(torch.equal(t, other.state_dict()[n]) for n, t in learner.state_dict().items())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            lambda w: w | {"weight": torch.zeros(3, 9)},
            r"wrong shape: network.weight \(3, 9\) where the model has \(3, 2\)",
        ),
        (lambda w: {"weight": w["weight"]}, "missing network.bias"),
        (lambda w: w | {"extra": torch.zeros(1)}, "unexpected extra"),
        (lambda w: w | {"module.bias": torch.zeros(3)}, "unexpected module.bias"),
        (lambda w: {}, "missing network.weight, network.bias"),
        (
            lambda w: {"weight": torch.zeros(1), **{f"w{i}": torch.zeros(1) for i in range(5)}},
            "missing network.bias; unexpected w0, w1, w2 and 2 more; wrong shape: network.weight",
        ),
    ],
)
def test_weights_that_do_not_fit_are_named_and_nothing_is_loaded(change, named):
    learner = Learner(nn.Linear(2, 3))
    before = learner.network.weight.clone()
    weights = change({n: torch.zeros_like(t) for n, t in learner.network.state_dict().items()})
    with pytest.raises(UsageError, match=f"weights w do not fit the model: {named}") as caught:
        load_weights(learner, weights, "w")
    assert "\n" not in str(caught.value)
    assert torch.equal(learner.network.weight, before)


def test_counters_that_old_files_lack_are_not_missed():
    learner = Learner(nn.BatchNorm2d(2))
    state = learner.network.state_dict()
    load_weights(learner, {n: t for n, t in state.items() if "num_batches" not in n}, "w")
    with pytest.raises(UsageError, match=r"missing network\.running_mean"):
        load_weights(learner, {n: t for n, t in state.items() if n != "running_mean"}, "w")


# Reading.


@pytest.mark.parametrize("key", [None, "state_dict", "model", "model_state_dict", "net"])
def test_torch_files_are_read_in_the_usual_layouts(tmp_path, key):
    state = {"model": torch.arange(3.0)} if key is None else {"a": torch.arange(3.0)}
    content = state if key is None else {"epoch": 3, "optimizer": {}, key: state}
    found = read_weights(write(tmp_path / "w.pt", content))
    assert {n: t.tolist() for n, t in found.items()} == {next(iter(state)): [0, 1, 2]}


def test_safetensors_are_read(tmp_path):
    path = write(tmp_path / "w.safetensors", {"a": torch.arange(3.0)})
    assert read_weights(path)["a"].tolist() == [0, 1, 2]


class Harmful:
    """Would run code when unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('code was run')",))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"epoch": 3}, "holds no state dict"),
        ({}, "holds no state dict"),
        ([torch.zeros(1)], "holds no state dict"),
        ({"state_dict": {"a": 3}}, "holds no state dict"),
        ({"a": Harmful()}, "is not a weights file"),
        ({"a": torch.tensor([1.0, float("nan")])}, "a holds values that are not finite"),
        ({"a": torch.tensor([float("inf")])}, "a holds values that are not finite"),
    ],
)
def test_files_that_hold_no_weights_are_named(tmp_path, content, named):
    path = write(tmp_path / "w.pt", content)
    with pytest.raises(UsageError, match=rf"w\.pt.*{named}") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_files_that_are_none_are_named(tmp_path, name):
    with pytest.raises(UsageError, match="no weights file"):
        read_weights(tmp_path / name)
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(UsageError, match="is not a weights file"):
        read_weights(tmp_path / name)


# Published weights.


def published(depth: int) -> Path:
    found = sorted((data_root() / "weights").glob(f"resnet{depth}-*.th"))
    if not found:
        pytest.skip(f"needs weights/resnet{depth}-*.th under MU_DATA_ROOT ({data_root()})")
    return found[0]


@pytest.fixture(scope="module")
def first_test_images():
    """The first 2 000 test images of CIFAR-10, normalised as the published networks want them."""
    if not (data_root() / "cifar-10-batches-py" / "test_batch").is_file():
        pytest.skip(f"needs cifar-10-batches-py under MU_DATA_ROOT ({data_root()})")
    from torchvision.datasets import CIFAR10

    found = CIFAR10(data_root(), train=False, download=False)
    x = torch.from_numpy(found.data[:2000]).permute(0, 3, 1, 2).float() / 255
    mean = torch.tensor([0.485, 0.456, 0.406]).view(-1, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(-1, 1, 1)
    return (x - mean) / std, torch.tensor(found.targets[:2000])


@pytest.mark.parametrize(("depth", "correct"), [(20, 1833), (56, 1859)])
def test_published_weights_give_their_accuracy(first_test_images, depth, correct):
    path = published(depth)
    state = read_weights(path)
    learner = Learner(CifarResNet(depth, 3, 10))
    load_weights(learner, state, path.name)
    assert torch.equal(learner.network.conv1.weight, state["module.conv1.weight"])
    learner.network.to(memory_format=torch.channels_last)
    x, y = first_test_images
    found = predict(learner, [(x[i : i + 250], y[i : i + 250]) for i in range(0, 2000, 250)])
    assert int(np.sum(found.logits.argmax(1) == found.targets)) == correct  # 91.65 and 92.95 %


def test_a_network_may_wrap_one_that_has_a_part_of_the_same_name():
    class Wrapped(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.network, self.own = inner, nn.Linear(2, 2)

    source, target = (Learner(Wrapped(Wrapped(nn.Linear(2, 2)))) for _ in range(2))
    load_weights(target, source.state_dict(), "here")
    for name, tensor in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], tensor)


def test_a_tensor_larger_than_what_the_file_holds_is_refused(tmp_path):
    """One number that says it is a million million of them."""
    state = {"head.weight": torch.zeros(1).expand(1 << 20, 1 << 20)}
    torch.save(state, tmp_path / "w.pt")
    assert (tmp_path / "w.pt").stat().st_size < 10_000
    with pytest.raises(UsageError, match=r"head\.weight has more numbers than the file"):
        read_weights(tmp_path / "w.pt")


def test_a_checkpoint_that_unfolds_is_refused(tmp_path):
    torch.save({"head.weight": torch.zeros(1 << 20)}, tmp_path / "plain.pt")
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as plain,
        zipfile.ZipFile(tmp_path / "w.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with pytest.raises(UsageError, match="it unfolds to"):
        read_weights(tmp_path / "w.pt")
