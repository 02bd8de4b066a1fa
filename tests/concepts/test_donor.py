"""The donor rule on hand-made weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mu.concepts.donor import Donor, choose_donor
from mu.errors import UsageError

# Concepts:            0    1    2    3
CONFUSED = np.array(
    [
        [0.9, 0.5, 0.7, 0.1],  # 0: concepts 0, 2, 1, 3
        [0.1, 0.8, 0.2, 0.0],  # 1: first is 1
        [0.2, 0.1, 0.6, 0.3],
    ]
)  # 2: first is 2, earlier in the list of class 0


def test_confusion_takes_the_earliest_concept_that_is_another_classes_first():
    assert choose_donor(CONFUSED, 0) == Donor(2, 2, 2, "confusion")
    assert choose_donor(CONFUSED, 0, allowed=[1]) == Donor(1, 1, 1, "confusion")


def test_shared_takes_the_class_with_the_most_of_the_first_concept():
    assert choose_donor(CONFUSED, 0, top=1) == Donor(2, 0, 2, "shared")


def test_without_either_the_next_class_lends():
    weights = np.array([[0.9, 0.0, 0.0], [-0.1, 0.8, 0.0], [0.0, 0.1, 0.6]])
    assert choose_donor(weights, 0, top=1) == Donor(1, 0, 1, "next")
    assert choose_donor(weights, 2, top=1) == Donor(0, 2, 0, "next")


def test_two_classes_lend_to_each_other():
    weights = np.array([[0.9, -0.9], [-0.9, 0.9]])
    assert [choose_donor(weights, t).label for t in (0, 1)] == [1, 0]


@given(st.integers(2, 6), st.integers(1, 5), st.integers(0, 10_000))
def test_a_class_never_lends_to_itself(classes, concepts, seed):
    weights = np.random.default_rng(seed).normal(size=(classes, concepts)).round(1)
    for target in range(classes):
        found = choose_donor(weights, target)
        assert found.label != target and 0 <= found.label < classes
        assert weights[found.label, found.own] == weights[found.label].max()


def test_no_donor_is_refused_with_the_reason():
    with pytest.raises(UsageError, match=r"donors \[\] of class 0"):
        choose_donor(np.ones((1, 3)), 0)
    with pytest.raises(UsageError, match=r"donors \[7\]"):
        choose_donor(CONFUSED, 0, allowed=[7])
    with pytest.raises(UsageError, match="target=3 is not one of the 3"):
        choose_donor(CONFUSED, 3)
