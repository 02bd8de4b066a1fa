"""Losses of models, and which sample an element stands for."""

import numpy as np
import pytest
from forget_sets.problems import links, nodes, table
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from mu.errors import UsageError
from mu.evaluation.signals import Signals
from mu.forget_sets.helper_model import HelperModel, correct, losses, one_each, trained_elements


class Pairing:
    """Elements 0 … n−1 that stand for the given sets of samples."""

    def __init__(self, stands_for):
        self.stands_for = stands_for

    def affected(self, kind, ids):
        return np.unique(np.array([s for i in ids for s in self.stands_for[i]], np.int64))


@given(order=st.permutations(range(11)), count=st.integers(1, 11))
def test_a_pairing_is_found_whatever_its_order(order, count):
    data = Pairing([[10 * s] for s in order])
    found = one_each(data, "things", np.arange(count))
    assert found.tolist() == [10 * s for s in order[:count]]


@given(st.lists(st.lists(st.integers(0, 5), max_size=2, unique=True), min_size=1, max_size=6))
def test_only_a_pairing_is_taken_for_one(stands_for):
    """Against looking at the elements one by one."""
    singles = [s[0] for s in stands_for if len(s) == 1]
    paired = len(singles) == len(set(singles)) == len(stands_for)
    found = one_each(Pairing(stands_for), "things", np.arange(len(stands_for)))
    assert (None if found is None else found.tolist()) == (singles if paired else None)


@pytest.mark.parametrize(
    ("data", "kind", "paired"),
    [
        (table(), "samples", True),
        (nodes(), "nodes", True),
        (nodes(), "features", True),
        (nodes(), "edges", False),
        (links(), "edges", True),
        (links(), "nodes", False),
    ],
)
def test_which_elements_stand_for_a_sample_of_their_own(data, kind, paired):
    ids = data.elements(kind)
    found = one_each(data, kind, ids)
    assert (found is not None) == paired
    if found is not None:
        each = [data.affected(kind, ids[i : i + 1]).tolist() for i in range(len(ids))]
        assert each == [[sample] for sample in found.tolist()]


def test_losses_are_those_of_scipy():
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(9, 4)) * 30, rng.integers(4, size=9)
    ids = np.array([3, 1, 8])
    expected = -log_softmax(logits, axis=1)[ids, targets[ids]]
    signals = Signals(np.arange(9), logits, targets)
    np.testing.assert_allclose(losses(signals, ids), expected, rtol=1e-12)
    assert correct(signals, ids).tolist() == (logits.argmax(1) == targets)[ids].tolist()


def test_binary_logits_are_read_as_a_margin():
    signals = Signals([0, 1, 2], [[2.0], [2.0], [-1.0]], [1, 0, 0])
    expected = [np.log1p(np.exp(-2)), np.log1p(np.exp(2)), np.log1p(np.exp(-1))]
    np.testing.assert_allclose(losses(signals, np.arange(3)), expected)
    assert correct(signals, np.arange(3)).tolist() == [True, False, True]


def test_values_have_no_loss_to_select_by():
    with pytest.raises(UsageError, match="no classes"):
        losses(Signals([0], [[1.0]], [0.5]), np.array([0]))


def test_models_that_were_trained_on_other_samples_are_refused():
    data = table()
    seen = HelperModel(Signals([0], [[1.0]], [1]), data.parts["test"])
    with pytest.raises(UsageError, match="none of these samples"):
        trained_elements(data, "samples", data.elements("samples"), [seen])
    with pytest.raises(UsageError, match="given none"):
        trained_elements(data, "samples", data.elements("samples"), [])
