"""AUC and average precision against scikit-learn, ties included."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from mu.evaluation.ranking import auc, average_precision

scores = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30)


@given(scores, scores)
def test_against_scikit_learn(high: list[float], low: list[float]) -> None:
    labels, values = [1] * len(high) + [0] * len(low), high + low
    assert auc(high, low) == pytest.approx(roc_auc_score(labels, values), abs=1e-12)
    expected = average_precision_score(labels, values)
    assert average_precision(high, low) == pytest.approx(expected, abs=1e-12)


@given(scores, scores)
def test_monotone_maps_change_nothing(high: list[float], low: list[float]) -> None:
    moved = np.exp(0.3 * np.array(high)) - 7, np.exp(0.3 * np.array(low)) - 7
    assert auc(*moved) == auc(high, low)
    assert average_precision(*moved) == average_precision(high, low)


@given(scores, scores)
def test_swapping_sides_mirrors_the_auc(high: list[float], low: list[float]) -> None:
    assert auc(high, low) == pytest.approx(1 - auc(low, high), abs=1e-12)


def test_empty_sides_and_nan() -> None:
    assert math.isnan(auc([], [1.0])) and math.isnan(average_precision([1.0], []))
    with pytest.raises(ValueError, match="nan"):
        auc([float("nan")], [1.0])
