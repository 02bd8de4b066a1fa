"""Accuracies by when a class left, and H against the original."""

import math

import numpy as np
import pytest

from mu.errors import UsageError
from mu.evaluation.continual import ClassesForgotten, ClassesNamed, HMean, h_mean
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals, Split

# Ids 0–5 are training samples of classes 0, 0, 1, 1, 2, 3; 6–11 test samples of 0, 0, 1, 1, 2, 3.
LABELS = np.array([0, 0, 1, 1, 2, 3, 0, 0, 1, 1, 2, 3])


def signals(right: set[int]) -> Signals:
    """A model that is right on some ids and says the next class for all others."""
    said = np.array([y if i in right else (y + 1) % 4 for i, y in enumerate(LABELS)])
    return Signals(np.arange(12), np.eye(4)[said], LABELS)


def split(forget, before=()) -> Split:
    gone = {*forget, *before}
    return Split(
        forget=np.array(forget, dtype=np.int64),
        before=np.array(before, dtype=np.int64),
        retain=np.array([i for i in range(6) if i not in gone]),
        validation=np.empty(0, np.int64),
        test=np.arange(6, 12),
    )


def test_classes_by_the_request_they_left_with() -> None:
    now, earlier = ClassesForgotten(when="now"), ClassesForgotten(when="earlier")
    found, parts = signals({6, 8, 9, 10}), split([2, 3], before=[0, 1])
    assert now.of(found, parts) == 1.0  # class 1: both right
    assert earlier.of(found, parts) == 0.5  # class 0: one of two
    assert math.isnan(earlier.of(found, split([2, 3])))


def test_a_class_that_left_in_two_requests_left_with_the_last() -> None:
    parts = split([3], before=[2])
    assert list(ClassesForgotten(when="now").classes(signals(set()), parts)) == [1]
    assert not len(ClassesForgotten(when="earlier").classes(signals(set()), parts))
    assert not len(ClassesForgotten(when="now").classes(signals(set()), split([2])))


def test_named_classes() -> None:
    assert ClassesNamed(labels=[2, 3]).of(signals({10}), split([0, 1])) == 0.5
    assert math.isnan(ClassesNamed().of(signals({10}), split([0, 1])))


def test_h_is_against_the_original() -> None:
    original, after = signals(set(range(12))), signals({6, 7, 8, 10, 11})
    parts = split([2, 3])
    # Acc_r 4 of 4, Acc_f from 1 to 1/2.
    found = HMean()(after, parts, Peers(original=original))
    assert found == pytest.approx(2 * 1.0 * 0.5 / 1.5)
    assert HMean()(original, parts, Peers(original=original)) == 0
    assert math.isnan(HMean()(after, parts, Peers()))
    assert math.isnan(HMean()(after, split([2]), Peers(original=original)))


def test_h_of_numbers_that_are_none() -> None:
    assert h_mean(float("nan"), 0.5) == h_mean(0.5, float("nan")) == h_mean(0.0, 0.0) == 0.0


def test_another_time_is_refused() -> None:
    with pytest.raises(UsageError, match="when='then'"):
        ClassesForgotten(when="then")
