"""Parts that are balanced, disjoint and stable."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mu.data.split import balanced_order, drawn_parts, stratified
from mu.errors import UsageError

LABELS = np.random.default_rng(0).permutation(np.arange(240) % 4)


def test_every_prefix_of_a_balanced_order_is_balanced():
    order = balanced_order(LABELS, 1)
    assert sorted(order) == list(range(240))
    for n in (10, 33, 120):
        counts = np.bincount(LABELS[order[:n]], minlength=4)
        assert counts.max() - counts.min() <= 1
    assert (balanced_order(LABELS, 2) != order).any()


@given(st.integers(1, 150), st.integers(1, 50), st.integers(1, 40), st.integers(0, 5))
def test_drawn_parts_have_the_sizes_asked_for(n_train, n_validation, n_test, seed):
    parts = drawn_parts(LABELS, 200, n_train, n_validation, n_test, seed)
    sizes = {"train": n_train, "validation": n_validation, "test": n_test}
    assert {name: len(ids) for name, ids in parts.items()} == sizes
    assert len(np.unique(np.concatenate(list(parts.values())))) == sum(sizes.values())
    assert parts["test"].min() >= 200 > max(parts["train"].max(), parts["validation"].max())
    again = drawn_parts(LABELS, 200, n_train, n_validation, n_test, seed)
    assert all((again[name] == ids).all() for name, ids in parts.items())


def test_without_counts_everything_is_used():
    parts = drawn_parts(LABELS, 200, None, 50, None, 0)
    assert len(parts["train"]) == 150
    assert parts["test"].tolist() == list(range(200, 240))
    balanced = drawn_parts(LABELS, 200, None, 50, 20, 0)["test"]
    assert np.bincount(LABELS[balanced]).max() - np.bincount(LABELS[balanced]).min() <= 1


@pytest.mark.parametrize("counts", [(None, 0), (100, 0), (151, 50), (0, 50), (None, 200), (-5, 50)])
def test_counts_that_do_not_fit_are_refused(counts):
    named = f"n_train={counts[0]}, n_validation={counts[1]} do not fit 200 images"
    with pytest.raises(UsageError, match=named):
        drawn_parts(LABELS, 200, *counts, None, 0)


@pytest.mark.parametrize("n_test", [0, 41, -1])
def test_a_test_part_that_does_not_fit_is_refused(n_test):
    with pytest.raises(UsageError, match=f"n_test={n_test} does not fit 40 test images"):
        drawn_parts(LABELS, 200, None, 50, n_test, 0)


@given(st.floats(0.01, 0.45), st.floats(0.01, 0.45), st.integers(0, 5))
def test_shares_are_taken_of_each_class(validation, test, seed):
    shares = {"validation": validation, "test": test}
    parts = stratified(LABELS, shares, list("abcd"), seed)
    assert np.sort(np.concatenate(list(parts.values()))).tolist() == list(range(240))
    for name, share in shares.items():
        assert np.bincount(LABELS[parts[name]]).tolist() == [max(1, round(60 * share))] * 4


def test_shares_that_leave_nothing_are_refused():
    for shares in ({"test": 0.0}, {"test": 1.0}, {"validation": 0.5, "test": 0.5}):
        with pytest.raises(UsageError, match="must be positive and leave a rest"):
            stratified(LABELS, shares, list("abcd"), 0)


def test_a_class_that_is_too_small_is_named():
    labels = np.array([0] * 10 + [1, 1])
    with pytest.raises(UsageError, match="class 'odd' has 2 images: too few for validation, test"):
        stratified(labels, {"validation": 0.1, "test": 0.1}, ["even", "odd"], 0)
