"""A head that is learnt again finds what the trunk still tells apart."""

import math

import numpy as np
import pytest

from mu.errors import UsageError
from mu.evaluation.relearnt import HeadRelearnt, relearnt
from mu.evaluation.signals import Signals, Split

CLASSES, EACH = 4, 30
LABELS = np.repeat(np.arange(CLASSES), EACH)
IDS = np.arange(len(LABELS))
TEST = IDS[IDS % 3 == 0]


def split(now: int = 2, before: int | None = None) -> Split:
    train = np.setdiff1d(IDS, TEST)
    forget, earlier = train[LABELS[train] == now], train[LABELS[train] == before]
    retain = np.setdiff1d(train, np.concatenate([forget, earlier]))
    none = np.empty(0, np.int64)
    return Split(forget=forget, before=earlier, retain=retain, validation=none, test=TEST)


def signals(trunk: np.ndarray | None) -> Signals:
    """A head that never says the last classes, whatever the trunk knows."""
    logits = np.zeros((len(IDS), CLASSES))
    logits[:, 0] = 1.0
    return Signals(IDS, logits, LABELS, features=trunk)


def trunk(known: list[int]) -> np.ndarray:
    """Features that tell some classes apart; all others look alike."""
    own = np.isin(LABELS, known)[:, None] * np.eye(CLASSES)[LABELS]
    return own * 3.0 + 0.1 * np.random.default_rng(0).standard_normal((len(IDS), CLASSES))


def test_a_masked_head_comes_back_and_an_empty_trunk_does_not() -> None:
    everything, nothing = signals(trunk([0, 1, 2, 3])), signals(trunk([0, 1]))
    assert HeadRelearnt().of(everything, split()) == 1.0
    assert HeadRelearnt().of(nothing, split()) < 0.8


def test_when() -> None:
    found = signals(trunk([0, 1, 3]))
    parts = split(now=3, before=2)
    assert HeadRelearnt(when="now").of(found, parts) == 1.0
    both = signals(trunk([0, 3]))
    assert HeadRelearnt(when="earlier").of(both, parts) < 0.9
    assert math.isnan(HeadRelearnt(when="earlier").of(found, split()))


def test_it_needs_finite_features() -> None:
    assert math.isnan(HeadRelearnt().of(signals(None), split()))
    broken = trunk([0, 1, 2, 3])
    broken[TEST] = np.inf
    assert math.isnan(HeadRelearnt().of(signals(broken), split()))


def test_samples_that_teach_the_head_depend_on_the_request_alone() -> None:
    score, parts = HeadRelearnt(shots=4), split()
    ids = np.concatenate([parts.forget, parts.retain])
    drawn = score.drawn(signals(None), ids)
    assert np.bincount(LABELS[drawn]).tolist() == [4] * CLASSES
    assert not np.isin(drawn, TEST).any()
    assert np.array_equal(drawn, score.drawn(signals(trunk([0])), ids[::-1]))
    rare = HeadRelearnt(shots=10**6).drawn(signals(None), ids)
    assert np.array_equal(np.sort(rare), np.sort(ids))


def test_scales_of_features_do_not_matter() -> None:
    z = trunk([0, 1, 2, 3])
    far = z * np.array([1e-3, 1.0, 1e3, 1.0]) + 5.0
    one, other = (relearnt(x[TEST], LABELS[TEST], x) for x in (z, far))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("wrong", [{"shots": 0}, {"penalty": 0.0}, {"when": "later"}])
def test_options_that_make_no_sense(wrong: dict) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        HeadRelearnt(**wrong)


def test_a_penalty_that_is_none() -> None:
    with pytest.raises(ValueError, match="penalty=-1"):
        relearnt(np.zeros((2, 1)), np.array([0, 1]), np.zeros((1, 1)), penalty=-1)
