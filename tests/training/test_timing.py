"""An estimate of a fit from a few of its batches."""

import time

import pytest

from mu.configuration.choices import choices, read_yaml
from mu.data.facts import resolved
from mu.errors import UsageError
from mu.training.fit import fit
from mu.training.timing import First, expected_seconds, trunk_seconds


@pytest.fixture
def config():
    recipe = read_yaml(choices("recipe")["digits"]) | {"epochs": 3}
    facts = {"in_channels": 1, "num_classes": 10, "image_size": 8}
    model = resolved(read_yaml(choices("model")["small_cnn"]), facts)
    data = read_yaml(choices("data")["digits"])
    return {"data": data, "model": model, "recipe": recipe, "seed": 0, "device": "cpu"}


def test_it_grows_with_epochs_and_batches(config, monkeypatch):
    # Every batch takes one second of a clock that nothing else moves.
    clock = [0.0]

    def slow(learner, batches, recipe, **_):
        clock[0] += 10 + len(batches) * recipe["epochs"]

    monkeypatch.setattr("mu.training.timing.fit", slow)
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    batches = -(-1078 // 32)
    assert expected_seconds(config) == 3 * batches
    config["recipe"]["batch_size"] = None
    assert expected_seconds(config) == 3, "a single batch: more epochs are subtracted"
    config["recipe"] |= {"plateau": {"every": 1, "patience": 1}, "schedule": "constant"}
    assert expected_seconds(config) == 3


def test_an_untrained_model_takes_no_time(config):
    config["recipe"]["epochs"] = 0
    assert expected_seconds(config) == 0


def test_a_wrong_recipe_is_refused(config):
    config["recipe"]["schedule"] = "sometimes"
    with pytest.raises(UsageError, match="sometimes"):
        expected_seconds(config)


def test_the_first_batches_are_an_epoch_of_their_own(config):
    first = First([1, 2, 3], 2)
    assert (len(first), list(first), list(first)) == (2, [1, 2], [1, 2])
    assert len(First([1], 5)) == 1
    assert callable(fit)


def test_restricted_training_is_timed_as_such(config, monkeypatch):
    trained = []
    monkeypatch.setattr("mu.training.timing.fit", lambda learner, *_, **__: trained.append(learner))
    own = {"step": "mu.training.gradient_restriction:step", "alpha": 0.5, "norm": "whole"}
    expected_seconds(config | {"recipe": config["recipe"] | {"fit": own}})
    assert [(type(one).__name__, one.alpha, one.norm) for one in trained] == [
        ("RestrictedLearner", 0.5, "whole")
    ] * 3


def test_what_stands_behind_a_trunk_is_timed_before_the_trunk_is_computed(config, tmp_path):
    network = config["model"]
    while network["_target_"] == "mu.models.base.Learner":
        network = network["network"]
    cut = {"trunk": network, "cut": "body.4"}
    config["model"] = {"_target_": "mu.models.tail.Tail", **cut}
    config["data"] = config["data"] | {"activations": str(tmp_path / "not there yet")}
    assert 0 < expected_seconds(config) < 60
    plain = {k: v for k, v in config["data"].items() if k != "activations"}
    once = trunk_seconds({"data": plain, "cut": cut, "flips": False})
    assert 0 < once < 60
