"""ZRF: bounds, SciPy, the published wrong form."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax

from mu.errors import UsageError
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals
from mu.evaluation.zrf import ZRF, zrf

logits = arrays(np.float64, (4, 3), elements=st.floats(-800, 800))


@given(logits, logits)
def test_bounds_and_symmetry(a, b) -> None:
    assert 0 <= zrf(a, b) <= 1
    assert zrf(a, b) == pytest.approx(zrf(b, a), abs=1e-12)
    assert zrf(a, a) == 1
    assert zrf(a, b, "historical") <= 1 + 1e-12


def test_against_scipy() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 20, 5))
    p, q = softmax(a, axis=1), softmax(b, axis=1)
    assert zrf(a, b) == pytest.approx(1 - (jensenshannon(p, q, axis=1, base=2) ** 2).mean())
    m = (p + q) / 2
    swapped = (m * np.log(m / p)).mean() / 2 + (m * np.log(m / q)).mean() / 2
    assert zrf(a, b, "historical") == pytest.approx(1 - swapped)


def test_the_published_form_on_two_disjoint_outputs() -> None:
    """Ten classes, one-hot with a floor of 1e-6: 0.379 as published, nearly 0 in truth."""
    p, q = np.full((2, 1, 10), 1e-6)
    p[0, 0] = q[0, 1] = 1.0
    assert zrf(np.log(p), np.log(q), "historical") == pytest.approx(0.379, abs=5e-4)
    assert zrf(np.log(p), np.log(q)) == pytest.approx(0.0, abs=1e-3)


def test_the_score_averages_over_untrained_networks(make, split) -> None:
    model, untrained = make(0, strength=3.0), [make(1, strength=0.0), make(2, strength=0.0)]
    each = [zrf(model.at(split.forget)[0], one.at(split.forget)[0]) for one in untrained]
    assert ZRF()(model, split, Peers(untrained=untrained)) == pytest.approx(np.mean(each))
    assert math.isnan(ZRF()(model, split, Peers(untrained, model)))
    regression = Signals(np.arange(100), np.zeros((100, 1)), np.zeros(100))
    assert math.isnan(ZRF()(regression, split, Peers(untrained=[regression])))


def test_variants_say_their_range() -> None:
    assert ZRF().range == (0.0, 1.0)
    assert ZRF(variant="historical").range == (None, 1.0)
    with pytest.raises(UsageError, match="variant='old'"):
        ZRF(variant="old")
