"""A checkpoint that was unlearned elsewhere."""

import copy
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save_file

from mu.configuration.choices import choices
from mu.data.build import build
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.vision import SmallCNN
from mu.unlearning.base import Context, apply
from mu.unlearning.external import External


@pytest.fixture
def learner() -> Learner:
    torch.manual_seed(0)
    return Learner(SmallCNN(1, 3, 8, 2, 4))


@pytest.fixture
def elsewhere(learner, tmp_path) -> tuple[Path, dict]:
    """A file with other weights, and what is in it."""
    torch.manual_seed(1)
    state = SmallCNN(1, 3, 8, 2, 4).state_dict()
    torch.save({"state_dict": {f"module.{n}": t for n, t in state.items()}}, tmp_path / "w.pt")
    return tmp_path / "w.pt", state


def test_the_result_holds_the_files_weights_and_cost_nothing(learner, elsewhere):
    path, state = elsewhere
    before = copy.deepcopy(learner.state_dict())
    found = apply(External(str(path)), learner, {}, Context())
    for name, tensor in state.items():
        assert torch.equal(found.learner.state_dict()[f"network.{name}"], tensor)
    assert all(torch.equal(t, before[n]) for n, t in learner.state_dict().items())
    assert (found.meter.forward, found.meter.backward) == (0, 0)
    assert found.facts == {"weights": "w.pt", "elsewhere": True}
    assert found.warnings == []
    assert not found.learner.training


def test_safetensors_serve_too_and_the_models_own_weights_are_noticed(learner, tmp_path):
    path = tmp_path / "same.safetensors"
    save_file(learner.state_dict(), path)
    with pytest.warns(UserWarning, match="same.safetensors holds the weights of the model before"):
        found = apply(External(str(path)), learner, {}, Context())
    assert len(found.warnings) == 2 and "did nothing" in found.warnings[1]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda s: s | {"head.bias": torch.full((3,), float("nan"))}, "head.bias.*not finite"),
        (lambda s: s | {"head.bias": torch.zeros(4)}, r"head.bias \(4,\)"),
        (lambda s: {n: t for n, t in s.items() if n != "head.bias"}, "missing network.head.bias"),
    ],
)
def test_a_file_that_does_not_fit_is_named(learner, elsewhere, change, named):
    path, state = elsewhere
    torch.save(change(state), path)
    with pytest.raises(UsageError, match=named):
        apply(External(str(path)), learner, {}, Context())


def test_a_file_that_is_not_there_is_named(learner, tmp_path):
    with pytest.raises(UsageError, match=r"there is no weights file .*nowhere\.pt"):
        apply(External(str(tmp_path / "nowhere.pt")), learner, {}, Context())


def test_the_file_has_to_be_named():
    for missing in (None, "", "???"):
        with pytest.raises(UsageError, match=r"set method\.weights"):
            External(missing)


def test_the_configuration_needs_the_file_and_nothing_else(elsewhere):
    config = yaml.safe_load(choices("method")["external"].read_text())
    assert {name for name, value in config.items() if value == "???"} == {"weights"}
    assert build(config | {"weights": str(elsewhere[0])}).needs == frozenset()
