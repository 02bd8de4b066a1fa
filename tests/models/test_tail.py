"""A frozen trunk computed once, and its tail: the same as the whole network, trained and merged."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mu.data.activations import Activations
from mu.data.build import build_data
from mu.data.images import Digits
from mu.errors import UsageError
from mu.models.activations import activations
from mu.models.activations import step as activations_step
from mu.models.base import Learner
from mu.models.predict import predict
from mu.models.tail import Tail, trunk_and_tail, whole
from mu.models.timm import TimmModel
from mu.models.vision import SmallCNN
from mu.training.fit import fit

CUT = "body.4"  # the second convolution
SHAPE = {"in_channels": 1, "num_classes": 10, "image_size": 8, "width": 4, "hidden": 16}
MODEL = {"_target_": "mu.models.vision.SmallCNN", **SHAPE}
RECIPE = {
    "epochs": 3,
    "batch_size": 50,
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4},
    "schedule": "cosine",
    "channels_last": True,
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A trained network whose trunk has seen something."""
    torch.manual_seed(3)
    network, data = SmallCNN(**SHAPE), Digits()
    batches = data.loader(data.parts["train"], batch_size=100, train=True, seed=3)
    fit(Learner(network), batches, RECIPE | {"epochs": 1})
    path = tmp_path_factory.mktemp("weights") / "small_cnn.pt"
    torch.save(network.state_dict(), path)
    return str(path)


@pytest.fixture(scope="module")
def folder(weights, tmp_path_factory):
    """Activations of the digits and their mirror images, as the store holds them."""
    folder = tmp_path_factory.mktemp("activations")
    found = activations_step(config(weights, folder), {}, None)
    np.savez(folder / "arrays.npz", **found.arrays)
    return folder


def config(weights, folder, flips=True):
    cut = {"trunk": MODEL, "cut": CUT, "weights": weights}
    data = {"_target_": "mu.data.images.Digits"}
    return {"data": data, "cut": cut, "flips": flips, "device": "cpu", "scratch": str(folder)}


def mirrored(data, x, seed, epoch, ids):
    return data.augmented(x, ids, "flip", seed, epoch)


@pytest.mark.parametrize("augment", [None, "flip"])
def test_the_tail_is_trained_as_the_whole_network_with_a_frozen_trunk(weights, folder, augment):
    plain = Digits()
    data = build_data({"_target_": "mu.data.images.Digits", "activations": str(folder)})
    network = SmallCNN(**SHAPE)
    network.load_state_dict(torch.load(weights))
    network.body[:4].requires_grad_(False)
    tail = Learner(Tail(SmallCNN(**SHAPE), CUT, weights))
    both = [(Learner(network), plain), (tail, data)]
    for learner, source in both:
        ids = source.parts["train"]
        fit(learner, source.loader(ids, batch_size=50, train=True, seed=5, augment=augment), RECIPE)
    merged = whole(SmallCNN(**SHAPE), CUT, tail)
    state = network.state_dict()
    assert merged.state_dict().keys() == state.keys()
    for name, tensor in tail.network.tail.state_dict().items():
        assert torch.allclose(tensor, state[name], atol=2e-4), name
    one, other = (
        predict(learner, source.loader(source.universe(), batch_size=200))
        for learner, source in both
    )
    assert np.abs(one.logits - other.logits).max() < 2e-3
    assert (one.index == other.index).all()


def test_a_merged_network_answers_on_images_as_the_tail_does_on_activations(weights, folder):
    data = build_data({"_target_": "mu.data.images.Digits", "activations": str(folder)})
    tail = Learner(Tail(SmallCNN(**SHAPE), CUT, weights))
    fit(tail, data.loader(data.parts["train"], batch_size=50, train=True, seed=1), RECIPE)
    start = SmallCNN(**SHAPE)
    start.load_state_dict(torch.load(weights))
    merged = whole(start, CUT, tail.state_dict())
    own = predict(tail, data.loader(data.universe(), batch_size=64)).logits
    on_images = Digits()
    found = predict(Learner(merged), on_images.loader(on_images.universe(), batch_size=64)).logits
    assert np.abs(own - found).max() < 1e-4


@given(st.lists(st.integers(0, 1796), min_size=1, max_size=90), st.booleans())
def test_the_bits_of_a_row_do_not_depend_on_the_batch(weights, folder, ids, mirror):
    data, ids = Digits(), np.array(ids)
    network, _ = trunk_and_tail(SmallCNN(**SHAPE), CUT, weights)
    trunk = network.to(memory_format=torch.channels_last)
    found = np.concatenate(list(activations(trunk, data, ids, mirror, CUT)))
    stored = Activations(folder).rows(ids, torch.full((len(ids),), mirror))
    assert np.array_equal(found, stored.numpy())


def test_activations_are_mapped_and_not_read(folder):
    held = Activations(folder)
    assert isinstance(held.plain, np.memmap) and isinstance(held.flipped, np.memmap)
    some = torch.tensor([True, False])
    rows = held.rows(np.array([4, 4]), some)
    assert not torch.equal(rows[0], rows[1])
    assert torch.equal(rows[1], held.rows(np.array([4]))[0])
    with pytest.raises(UsageError, match="sample 5000 has no activations"):
        held.rows(np.array([5000]))


def test_images_that_were_not_mirrored_are_not_made_up(weights, tmp_path):
    found = activations_step(config(weights, tmp_path, flips=False), {}, None)
    np.savez(tmp_path / "arrays.npz", **found.arrays)
    held = Activations(tmp_path)
    with pytest.raises(UsageError, match="mirrored ones are due"):
        held.rows(np.array([1]), torch.tensor([True]))
    with pytest.raises(UsageError, match="no activations of a trunk"):
        Activations(tmp_path / "nowhere")


def test_other_augmentations_are_refused(folder):
    data = build_data({"_target_": "mu.data.images.Digits", "activations": str(folder)})
    with pytest.raises(UsageError, match="it is flip or null"):
        next(iter(data.loader(np.arange(3), train=True, augment="crop_flip")))


def test_a_head_for_other_classes_starts_anew(weights):
    other = SmallCNN(**SHAPE | {"num_classes": 3})
    tail = Tail(other, CUT, weights)
    assert tail(torch.zeros(2, 4, 4, 4)).shape == (2, 3)
    assert torch.equal(
        tail.state_dict()["tail.body.4.weight"], torch.load(weights)["body.4.weight"]
    )


def test_weights_that_are_nowhere_or_do_not_fit_are_named(weights, tmp_path, monkeypatch):
    monkeypatch.setenv("MU_DATA_ROOT", str(tmp_path))
    with pytest.raises(UsageError, match=r"weights=no\.pt: there is no file"):
        Tail(SmallCNN(**SHAPE), CUT, "no.pt")
    with pytest.raises(UsageError, match=r"weights: weights .* do not fit the model: wrong shape"):
        Tail(SmallCNN(**SHAPE | {"hidden": 5}), CUT, weights)


def test_a_trunk_is_for_images(tmp_path):
    wrong = config(None, tmp_path) | {"data": {"_target_": "mu.data.named_graphs.KarateNodes"}}
    wrong["data"] = {"_target_": "mu.data.digits_graph.DigitsNodes"}
    with pytest.raises(UsageError, match="computed once for images"):
        activations_step(wrong, {}, None)


def test_a_tail_is_copied_and_its_layers_replaced_as_any_network():
    tail = Tail(SmallCNN(**SHAPE), CUT)
    other = copy.deepcopy(tail)
    other.tail.head = nn.Linear(16, 2)
    x = torch.zeros(1, 4, 4, 4)
    assert other(x).shape == (1, 2) and tail(x).shape == (1, 10)


def test_published_weights_say_how_images_are_to_come(tmp_path, monkeypatch):
    wrong = config(None, tmp_path, flips=False)
    names = {"name": "test_resnet", "in_channels": 1, "num_classes": 10, "image_size": 8}
    wrong["cut"] = {"trunk": {"_target_": "mu.models.timm.TimmModel", **names}, "cut": "layer4"}
    assert "warnings" not in activations_step(wrong, {}, None).facts, (
        "random weights expect nothing"
    )
    torch.save(TimmModel(**names).state_dict(), tmp_path / "w.pt")
    wrong["cut"]["weights"] = str(tmp_path / "w.pt")
    (said,) = activations_step(wrong, {}, None).facts["warnings"]
    assert said == "the published weights of test_resnet expect data.mean=[0.5] data.std=[0.5]"
