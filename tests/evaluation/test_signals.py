"""Look-ups by absolute id."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mu.errors import UsageError
from mu.evaluation.signals import Signals, Split, class_scores, log_softmax


def test_at_keeps_the_order_asked_for_and_returns_float64() -> None:
    logits = np.arange(8, dtype=np.float32).reshape(4, 2)
    signals = Signals(np.array([3, 5, 8, 9]), logits, np.array([0, 1, 2, 3]))
    found, targets = signals.at([9, 3, 3])
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, logits[[3, 0, 0]])
    np.testing.assert_array_equal(targets, [3, 0, 0])


@given(st.lists(st.integers(-50, 50), unique=True, min_size=1), st.randoms())
def test_any_order_of_the_index_gives_the_same_rows(ids: list[int], random: object) -> None:
    shuffled = list(ids)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    signals = Signals(np.array(shuffled), np.array(shuffled)[:, None] * 2.0, np.array(shuffled))
    found, targets = signals.at(ids)
    np.testing.assert_array_equal(targets, ids)
    np.testing.assert_array_equal(found[:, 0], 2.0 * np.array(ids))


@pytest.mark.parametrize("ids", [[4], [-1], [100], [3, 4]])
@pytest.mark.parametrize("index", [[3, 5, 9], [9, 3, 5]])
def test_a_missing_id_is_named(ids: list[int], index: list[int]) -> None:
    signals = Signals(np.array(index), np.zeros((3, 2)), np.zeros(3, int))
    with pytest.raises(ValueError, match=f"id {ids[-1]} has no signal"):
        signals.at(ids)


def test_no_ids_and_no_signals() -> None:
    empty = Signals(np.array([]), np.zeros((0, 2)), np.zeros(0, int))
    assert empty.at([])[0].shape == (0, 2)
    with pytest.raises(ValueError, match="id 0"):
        empty.at([0])


@pytest.mark.parametrize(
    ("index", "logits", "targets", "message"),
    [
        ([0, 1], np.zeros((2, 2)), [0], "length"),
        ([0, 1], np.zeros(2), [0, 1], "shape"),
        ([1, 0, 1], np.zeros((3, 2)), [0, 1, 0], "id 1 occurs"),
        ([0.5, 1.0], np.zeros((2, 2)), [0, 1], "integers"),
    ],
)
def test_bad_tables_are_refused(index: list, logits: np.ndarray, targets: list, message: str):
    with pytest.raises(ValueError, match=message):
        Signals(np.array(index), logits, np.array(targets))


def test_features_have_a_row_for_each_id() -> None:
    logits, ids = np.zeros((2, 2)), np.array([4, 5])
    assert Signals(ids, logits, ids, features=np.zeros((2, 7))).features.shape == (2, 7)
    with pytest.raises(ValueError, match="2 ids but 3 rows of features"):
        Signals(ids, logits, ids, features=np.zeros((3, 7)))


def test_split_reads_lists_and_names_its_parts() -> None:
    split = Split([1, 2], [], [3], [], [4])  # type: ignore[arg-type]
    assert split.before.dtype == np.int64
    np.testing.assert_array_equal(split.part("forget"), [1, 2])
    with pytest.raises(UsageError, match="no part 'train'"):
        split.part("train")


def test_one_column_is_a_binary_model() -> None:
    z = np.array([[0.7], [-3.0]])
    np.testing.assert_allclose(np.exp(log_softmax(z))[:, 1], 1 / (1 + np.exp(-z[:, 0])))
    with pytest.raises(ValueError, match="shape"):
        class_scores([1.0, 2.0])


def test_log_softmax_of_large_and_masked_logits_is_finite_where_it_should_be() -> None:
    log_p = log_softmax([[1e4, 0.0, -np.inf]])
    np.testing.assert_array_equal(log_p, [[0.0, -1e4, -np.inf]])
