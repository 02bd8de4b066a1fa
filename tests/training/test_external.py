"""An original that comes from a file."""

import pytest
import torch

from mu.errors import UsageError
from mu.models.weights import rebuild
from mu.training.external import step
from mu.training.fit import step as fit_step

MODEL = {"_target_": "mu.models.vision.SmallCNN", "in_channels": 1, "num_classes": 10}
MODEL |= {"image_size": 8, "width": 2, "hidden": 4}
RECIPE = {"epochs": 0, "batch_size": 64, "optimizer": {}}


@pytest.fixture
def trained():
    config = {"data": {"_target_": "mu.data.images.Digits"}, "model": MODEL, "recipe": RECIPE}
    return fit_step(config | {"seed": 3, "device": "cpu"}, {"removed": []}, None)


def given(path, **more) -> dict:
    return {"model": MODEL, "weights": str(path), "device": "cpu", "threads": 1} | more


def test_a_file_stands_for_a_training(trained, tmp_path):
    torch.save(trained.tensors, tmp_path / "w.pt")
    found = step(given(tmp_path / "w.pt"), {}, None)
    assert found.tensors.keys() == trained.tensors.keys()
    assert all(torch.equal(t, found.tensors[n]) for n, t in trained.tensors.items())
    assert found.facts.keys() == trained.facts.keys()
    assert found.facts["parameters"] == trained.facts["parameters"]
    assert found.facts["cost"].keys() == trained.facts["cost"].keys()
    assert not any(found.facts["cost"].values())
    assert not rebuild(MODEL, found).training


def test_a_file_of_another_model_is_refused(trained, tmp_path):
    torch.save(trained.tensors, tmp_path / "w.pt")
    with pytest.raises(UsageError, match=r"w\.pt do not fit the model: wrong shape"):
        step(given(tmp_path / "w.pt", model=MODEL | {"hidden": 5}), {}, None)
    with pytest.raises(UsageError, match="no weights file"):
        step(given(tmp_path / "nowhere.pt"), {}, None)


def test_a_normalising_layer_is_held_against_the_data(trained, tmp_path):
    inside = {"normalize.mean": torch.tensor([0.5]), "normalize.std": torch.tensor([0.25])}
    torch.save(trained.tensors | inside, tmp_path / "w.pt")
    found = step(given(tmp_path / "w.pt", normalisation=[[0.5], [0.25]]), {}, None)
    assert all(torch.equal(t, found.tensors[n]) for n, t in trained.tensors.items())
    with pytest.raises(UsageError, match=r"set data\.mean=\[0\.5\] data\.std=\[0\.25\]"):
        step(given(tmp_path / "w.pt", normalisation=[[0.0], [1.0]]), {}, None)
    with pytest.raises(UsageError, match=r"remove normalize\.mean and normalize\.std"):
        step(given(tmp_path / "w.pt"), {}, None)
