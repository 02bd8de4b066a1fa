"""The class-wise threshold attack: golden values, brute force, invariances."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mu.errors import UsageError
from mu.evaluation.accuracy import UnlearningAccuracy
from mu.evaluation.attacks.threshold import (
    THRESHOLD_FEATURES,
    ThresholdMIA,
    best_threshold,
    class_thresholds,
    threshold_mia,
)
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals, Split

side = arrays(np.float64, st.integers(1, 12), elements=st.integers(-4, 4).map(float))


@pytest.mark.parametrize("name", THRESHOLD_FEATURES)
def test_golden_values(golden, name) -> None:
    pairs = {s: (golden[f"logits_{s}"], golden[f"labels_{s}"]) for s in
             ("retain", "test", "holdout", "forget")}  # fmt: skip
    found, rejected = golden[f"threshold_mia/{name}"]
    seen = pairs["retain"], pairs["test"]
    assert threshold_mia(*seen, pairs["forget"], name) == pytest.approx(rejected, abs=1e-9)
    assert 1 - threshold_mia(*seen, pairs["holdout"], name) == pytest.approx(found, abs=1e-9)


@given(side, side)
def test_the_threshold_is_the_best_there_is(members, others) -> None:
    def balanced(t: float) -> float:
        return (np.mean(members >= t) + np.mean(others < t)) / 2

    level = best_threshold(members, others)
    every = [balanced(t) for t in (*members, *others)]
    assert balanced(level) == pytest.approx(max(every))
    assert level == best_threshold(members[::-1], others[::-1])


@given(side, side, st.floats(0.5, 3), st.floats(-5, 5))
def test_the_threshold_moves_with_the_values(members, others, scale, shift) -> None:
    moved = best_threshold(scale * members + shift, scale * others + shift)
    assert moved == pytest.approx(scale * best_threshold(members, others) + shift)


def test_a_class_that_one_side_lacks_gets_the_pooled_threshold() -> None:
    members = np.array([0.9, 0.8, 0.2, 0.3]), np.array([0, 0, 1, 1])
    others = np.array([0.5, 0.1]), np.array([0, 1])
    assert class_thresholds(members, others, [0, 1, 7]).tolist() == [
        0.8,
        0.2,
        best_threshold(members[0], others[0]),
    ]


@pytest.mark.parametrize("name", THRESHOLD_FEATURES)
def test_order_and_a_constant_on_all_logits_change_nothing(golden, name) -> None:
    sets = [(golden[f"logits_{s}"], golden[f"labels_{s}"]) for s in ("retain", "test", "forget")]
    expected = threshold_mia(*sets, name)
    order = np.random.default_rng(0).permutation
    turned = [(z[p], y[p]) for z, y in sets for p in [order(len(y))]]
    assert threshold_mia(*turned, name) == expected
    assert threshold_mia(*((z.astype(float) + 64.0, y) for z, y in sets), name) == expected


def test_correctness_is_the_error_on_the_forgotten(make, split) -> None:
    signals = make()
    expected = UnlearningAccuracy()(signals, split, Peers())
    assert ThresholdMIA("correctness")(signals, split, Peers()) == pytest.approx(expected)


def test_bad_words_and_empty_sides(golden, make, split) -> None:
    retain, test = ((golden[f"logits_{s}"], golden[f"labels_{s}"]) for s in ("retain", "test"))
    none = np.zeros((0, 5)), np.zeros(0, int)
    with pytest.raises(ValueError, match="features='prob'"):
        threshold_mia(retain, test, test, "prob")
    with pytest.raises(UsageError, match="features='prob'"):
        ThresholdMIA("prob")
    with pytest.raises(ValueError, match="both sides"):
        threshold_mia(retain, none, test)
    assert math.isnan(threshold_mia(retain, test, none))
    bare = Split(split.forget, [], split.retain, [], [])
    regression = Signals(np.arange(100), np.zeros((100, 1)), np.zeros(100))
    assert math.isnan(ThresholdMIA()(make(), bare, Peers()))
    assert math.isnan(ThresholdMIA()(regression, split, Peers()))
