"""Mean losses, and how they are spread."""

import numpy as np
import pytest

from mu.evaluation.loss import LossHistograms, MeanLoss
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals, Split

EMPTY = np.empty(0, np.int64)


def split(forget):
    return Split(
        forget=np.array(forget, np.int64),
        before=EMPTY,
        retain=np.array([2, 3]),
        validation=EMPTY,
        test=np.array([4]),
    )


def signals():
    """Losses ln 2 of samples 0 and 4, ln(1 + e⁻³) of the others."""
    z = np.array([0.0, 3.0, 3.0, 3.0, 0.0])
    return Signals(np.arange(5), np.stack([z, np.zeros(5)], axis=1), np.zeros(5, np.int64))


def test_the_mean_of_a_part():
    small = np.log1p(np.exp(-3))
    found = MeanLoss(part="forget")(signals(), split([0, 1]), Peers())
    assert found == pytest.approx((np.log(2) + small) / 2)
    assert MeanLoss(part="retain")(signals(), split([0]), Peers()) == pytest.approx(small)
    assert np.isnan(MeanLoss(part="forget")(signals(), split([]), Peers()))


def test_regression_has_none():
    real = Signals(np.arange(5), np.zeros((5, 1)), np.zeros(5))
    assert np.isnan(MeanLoss(part="forget")(real, split([0]), Peers()))


def test_shares_are_counted_by_magnitude():
    found = LossHistograms(low=-3, high=1, bins=4)(signals(), split([0, 1]))
    assert found["edges"] == [-3, -2, -1, 0, 1]
    assert found["forget"] == [0, 0.5, 0.5, 0] and found["retain"] == [0, 1, 0, 0]


def test_what_is_outside_is_in_the_outermost_bins():
    z = np.array([900.0, -900.0])
    sure = Signals(np.arange(2), np.stack([z, -z], axis=1), np.zeros(2, np.int64))
    parts = Split(forget=np.arange(2), before=EMPTY, retain=EMPTY, validation=EMPTY, test=EMPTY)
    found = LossHistograms(low=-3, high=1, bins=4)(sure, parts)
    assert found["forget"] == [0.5, 0, 0, 0.5] and found["retain"] == [0, 0, 0, 0]
