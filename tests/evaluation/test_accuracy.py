"""Accuracies against scikit-learn and by hand."""

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from mu.errors import UsageError
from mu.evaluation.accuracy import (
    Accuracy,
    ForgottenClassAccuracy,
    TestAccuracy,
    UnlearningAccuracy,
    accuracy,
    forgotten_classes,
)
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals, Split


def test_against_scikit_learn(golden) -> None:
    for name in ("retain", "test", "forget"):
        logits, labels = golden[f"logits_{name}"], golden[f"labels_{name}"]
        assert accuracy(logits, labels) == accuracy_score(labels, logits.argmax(1))


def test_one_column_predicts_one_above_zero() -> None:
    assert accuracy([[0.1], [0.0], [-0.1]], [1, 1, 0]) == pytest.approx(2 / 3)


def test_degenerate_input() -> None:
    assert math.isnan(accuracy(np.zeros((0, 3)), np.zeros(0, int)))
    with pytest.raises(ValueError, match="labels"):
        accuracy(np.zeros((2, 3)), [0])
    with pytest.raises(ValueError, match="integer"):
        accuracy(np.zeros((2, 3)), [0.0, 1.0])


def test_parts(make, split) -> None:
    signals = make()
    right = signals.logits.argmax(1) == signals.targets
    assert UnlearningAccuracy()(signals, split, Peers()) == pytest.approx(1 - right[:10].mean())
    assert Accuracy("before")(signals, split, Peers()) == right[10:20].mean()
    assert Accuracy("retain")(signals, split, Peers()) == right[20:60].mean()
    assert Accuracy("test")(signals, split, Peers()) == right[70:].mean()


def test_a_class_retained_nowhere_is_kept_apart(make, split) -> None:
    signals = make()
    np.testing.assert_array_equal(forgotten_classes(signals, split), [2])
    right, third = signals.logits.argmax(1) == signals.targets, signals.targets == 2
    third, right = third[70:], right[70:]
    assert TestAccuracy()(signals, split, Peers()) == right[~third].mean()
    assert ForgottenClassAccuracy()(signals, split, Peers()) == right[third].mean()


def test_a_class_forgotten_by_an_earlier_request_stays_out(make, split) -> None:
    later = Split(split.before, split.forget, split.retain, split.validation, split.test)
    assert TestAccuracy()(make(), later, Peers()) == TestAccuracy()(make(), split, Peers())


def test_no_class_is_gone_when_one_sample_of_it_remains(make, split) -> None:
    kept = Split(split.forget[1:], [], np.append(split.retain, 0), [], split.test)
    assert math.isnan(ForgottenClassAccuracy()(make(), kept, Peers()))
    assert TestAccuracy()(make(), kept, Peers()) == Accuracy("test")(make(), kept, Peers())


def test_negatives_of_links_are_no_forgotten_class() -> None:
    """Training edges are all positive; test non-edges were never forgotten."""
    signals = Signals(
        np.arange(6), np.array([[1.0]] * 4 + [[-1.0]] * 2), np.array([1] * 4 + [0, 0])
    )
    split = Split([0], [], [1, 2], [], [3, 4, 5])
    assert len(forgotten_classes(signals, split)) == 0
    assert TestAccuracy()(signals, split, Peers()) == 1.0


def test_nothing_forgotten_before_and_regression_give_nan(make, split) -> None:
    first = Split(split.forget, [], split.retain, [], split.test)
    assert math.isnan(Accuracy("before")(make(), first, Peers()))
    regression = Signals(np.arange(100), np.zeros((100, 1)), np.zeros(100))
    for score in (Accuracy("retain"), UnlearningAccuracy(), TestAccuracy()):
        assert math.isnan(score(regression, split, Peers()))


def test_titles_and_kinds() -> None:
    assert (Accuracy("retain").title, Accuracy("retain").kind) == ("RA", "utility")
    assert (UnlearningAccuracy().title, UnlearningAccuracy().kind) == ("UA", "forgetting")
    assert (TestAccuracy().title, TestAccuracy().kind) == ("TA", "utility")
    assert Accuracy("forget", title="FA train").title == "FA train"
    with pytest.raises(UsageError, match="no part"):
        Accuracy("train")
    with pytest.raises(UsageError, match="kind"):
        Accuracy("test", kind="other")
