"""How losses are spread."""

import numpy as np

from mu.evaluation.details.losses import LossHistograms
from mu.evaluation.signals import Signals, Split

EMPTY = np.empty(0, np.int64)


def test_shares_are_counted_by_magnitude():
    z = np.array([0.0, 3.0, 3.0])  # losses ln 2 and ln(1 + e⁻³)
    signals = Signals(np.arange(3), np.stack([z, np.zeros(3)], axis=1), np.zeros(3, np.int64))
    parts = Split(
        forget=np.arange(2), before=EMPTY, retain=np.array([2]), validation=EMPTY, test=EMPTY
    )
    found = LossHistograms(low=-3, high=1, bins=4)(signals, parts)
    assert found["edges"] == [-3, -2, -1, 0, 1]
    assert found["forget"] == [0, 0.5, 0.5, 0] and found["retain"] == [0, 1, 0, 0]


def test_what_is_outside_is_in_the_outermost_bins():
    z = np.array([900.0, -900.0])
    sure = Signals(np.arange(2), np.stack([z, -z], axis=1), np.zeros(2, np.int64))
    parts = Split(forget=np.arange(2), before=EMPTY, retain=EMPTY, validation=EMPTY, test=EMPTY)
    found = LossHistograms(low=-3, high=1, bins=4)(sure, parts)
    assert found["forget"] == [0.5, 0, 0, 0.5] and found["retain"] == [0, 0, 0, 0]
