"""Costs relative to retraining."""

import math

import pytest

from mu.evaluation.cost import cost_values, relative_passes

RETRAIN = {"forward": 900, "backward": 900, "seconds_setup": 0.0, "seconds_request": 20.0}


def test_passes_are_relative_to_retraining() -> None:
    assert relative_passes({"forward": 100, "backward": 80}, RETRAIN) == pytest.approx(0.1)
    assert relative_passes({}, RETRAIN) == 0
    assert relative_passes(RETRAIN, RETRAIN) == 1
    assert math.isnan(relative_passes(RETRAIN, {"forward": 0}))


def test_values_are_named_cost() -> None:
    values = cost_values({"forward": 18, "seconds_request": 0.5, "seconds_setup": 2}, RETRAIN)
    assert values == {
        "cost/passes": 0.01,
        "cost/passes_request": 0.01,
        "cost/seconds_request": 0.5,
        "cost/seconds_setup": 2.0,
    }
    assert math.isnan(cost_values({})["cost/passes"])


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="forwards"):
        relative_passes({"forwards": 1}, RETRAIN)
    with pytest.raises(ValueError, match="negative"):
        relative_passes({"forward": -1}, RETRAIN)


def test_passes_that_serve_many_requests_are_counted_apart() -> None:
    cost = {"forward": 90, "backward": 90, "forward_setup": 80, "backward_setup": 80}
    values = cost_values(cost, RETRAIN)
    assert values["cost/passes"] == 0.1
    assert abs(values["cost/passes_request"] - 20 / 1800) < 1e-12


def test_memory_is_there_in_megabytes_where_it_was_measured():
    held = {"memory_request": 3e6, "memory_setup": 0.0}
    values = cost_values(RETRAIN | held, RETRAIN)
    assert values["cost/memory_request"] == 3.0
    assert values["cost/memory_setup"] == 0.0
    assert values["cost/passes"] == 1.0
    assert not [name for name in cost_values(RETRAIN, RETRAIN) if "memory" in name]
