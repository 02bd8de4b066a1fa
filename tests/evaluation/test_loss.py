"""Mean losses."""

import numpy as np
import pytest

from mu.evaluation.loss import MeanLoss
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
