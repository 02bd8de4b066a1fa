"""The rule of verdicts: its formulas by hand, and what it does where the truth is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mu.results.rule import (
    Measured,
    as_near_as_retraining,
    bound,
    contrast,
    has_power,
    pairs_to_recognise,
    pairs_to_tell,
    probability,
    share_left,
    spread_of_retraining,
    within,
    within_margin,
)

DRAWS = 400


def measured(rng, n, gap=0.0, whole=1.0, noise=0.1, k=3, **more):
    """A row whose true gap is ``gap``, beside an original whose gap is ``whole``."""
    row, original = gap + noise * rng.normal(size=n), whole + noise * rng.normal(size=n)
    return Measured(row, original, (noise * rng.normal(size=(n, k))).tolist(), **more)


def test_the_error_pools_the_pairs_with_the_oracles():
    one = Measured([1.0, 3.0], [], [[0.0, 2.0], [0.0, 2.0]])
    found = contrast(one)  # gaps 0 and 2: s² = 2; oracles' variance 2, c = 3/2: s_o² = 3
    pooled = (1 * 2.0 + 2 * 1 * 3.0) / 3
    assert found.mean == 1.0 and found.freedom == 3 and found.n == 2
    assert found.error == pytest.approx(math.sqrt(pooled / 2))


def test_a_row_that_varies_more_does_not_profit_from_steady_oracles():
    one = Measured([0.0, 4.0], [], [[1.0, 1.0], [1.0, 1.0]])
    assert contrast(one).error == pytest.approx(math.sqrt(8 / 2))


def test_leave_one_out_references_widen_the_oracles():
    plain = Measured([0.0, 0.0], [], [[0.0, 1.0, 2.0]] * 2)
    loo = Measured([0.0, 0.0], [], [[0.0, 1.0, 2.0]] * 2, references=True)
    assert contrast(loo).error == pytest.approx(contrast(plain).error * 2 / 3)


def test_equal_counts_are_not_certainty():
    one = Measured([0.0] * 3, [], [[0.0] * 3] * 3, size=7)
    assert contrast(one).error == pytest.approx(math.sqrt(2 * (4 / 3)) / 21)
    assert within_margin(one)  # no finer than two of seven samples


def test_models_that_never_vary():
    same = Measured([1.0] * 3, [2.0] * 3, [[1.0] * 3] * 3)
    assert contrast(same).error == 0.0 and probability(same) == 1.0 and within(same)
    other = Measured([1.5] * 3, [2.0] * 3, [[1.0] * 3] * 3)
    assert probability(other) == 0.0 and not within(other)
    assert share_left(other) == 0.5


def test_one_pair_differs_at_most():
    far = Measured([5.0], [6.0], [[0.0, 0.1, 0.2]])
    assert probability(far) < 0.05
    assert math.isnan(probability(Measured([5.0], [6.0], [[0.0, 0.1]])))  # two oracles: no spread


def test_one_oracle_a_pair_leaves_the_pairs():
    found = contrast(Measured([1.0, 3.0], [], [[0.0], [0.0]]))
    assert found.freedom == 1 and found.error == pytest.approx(1.0)


def test_shared_oracles_keep_their_error():
    values = [0.0, 1.0, 2.0]
    rows = [3.0, 5.0, 4.0]
    found = contrast(Measured(rows, [], [values] * 3, shared=True))
    assert found.mean == 3.0
    assert found.error == pytest.approx(math.sqrt(1.0 / 3 + 1.0 / 3))
    alone = contrast(Measured(rows, [], [[1.0]] * 3, shared=True))
    assert math.isnan(alone.error)


def test_a_distance_below_the_oracles_is_no_fault():
    rng = np.random.default_rng(0)
    below = measured(rng, 5, gap=-2.0, better="lower")
    assert probability(below) == 1.0 and within(below)
    assert not within(measured(rng, 5, gap=-2.0))


def test_the_original_has_all_of_its_gap_left():
    one = measured(np.random.default_rng(1), 10, gap=1.0)
    itself = one.of_original
    assert share_left(itself) == pytest.approx(1.0)
    assert has_power(one) and not within(itself) and bound(itself) > 1


@given(st.integers(0, 10_000), st.integers(2, 8), st.floats(0.05, 2.0))
def test_the_bound_is_where_the_rule_turns(seed, n, scale):
    one = measured(np.random.default_rng(seed), n, gap=0.1, noise=0.05 * scale)
    least = bound(one)
    if math.isfinite(least):
        assert within(one, least + 2e-3)
        assert least < 2e-3 or not within(one, least - 2e-3)


@given(st.integers(0, 10_000), st.floats(0.1, 100.0))
def test_units_do_not_matter(seed, unit):
    one = measured(np.random.default_rng(seed), 4, gap=0.2)
    other = Measured(
        [unit * v for v in one.row],
        [unit * v for v in one.original],
        [[unit * v for v in values] for values in one.oracles],
    )
    assert probability(other) == pytest.approx(probability(one), rel=1e-6, abs=1e-12)
    assert share_left(other) == pytest.approx(share_left(one), rel=1e-6)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_a_retraining_seldom_differs_and_is_recognised_more_with_more_pairs(n):
    rng = np.random.default_rng(n)
    draws = [measured(rng, n, whole=0.5) for _ in range(DRAWS)]
    assert np.mean([probability(one) < 0.05 for one in draws]) < 0.08
    like = np.mean([within(one) for one in draws])
    assert like > {3: 0.35, 5: 0.75, 10: 0.97}[n]


@pytest.mark.parametrize("n", [3, 5, 10])
def test_at_its_edge_the_rule_is_wrong_in_one_of_twenty(n):
    rng = np.random.default_rng(n)
    draws = [measured(rng, n, gap=0.4, whole=1.0) for _ in range(DRAWS)]
    assert np.mean([within(one) for one in draws]) < 0.09


def test_how_many_pairs():
    rng = np.random.default_rng(3)
    one = measured(rng, 40, whole=0.5, noise=0.1)
    assert pairs_to_tell(one) == 2
    assert 3 <= pairs_to_recognise(one) <= 8
    assert pairs_to_tell(Measured([0.0] * 3, [0.0] * 3, [[0.0] * 3] * 3)) is None


def test_values_that_differ_by_rounding_are_equal():
    flat = contrast(Measured([0.3, 0.3], [], [[0.1 + 0.2] * 3, [0.3] * 3]))
    assert (flat.mean, flat.error, flat.pvalue()) == (0, 0, 1)
    moved = contrast(Measured([0.4, 0.5], [], [[0.3, 0.3], [0.4, 0.4]]))
    assert moved.error == 0 and moved.pvalue() == 0


def test_the_level_of_a_pair_cancels():
    one = Measured([0.11, 0.52, 0.89], [], [[0.0, 0.02], [0.4, 0.42], [0.8, 0.78]])
    gap, low, high = contrast(one).mean, *contrast(one).interval()
    assert gap == pytest.approx(0.1033333) and 0 < low < high < 0.2


def test_an_agreement_is_a_distance_turned_round():
    rng = np.random.default_rng(3)
    far = measured(rng, 5, gap=0.6, better="lower")
    near = Measured(
        [-v for v in far.row],
        [-v for v in far.original],
        [[-v for v in values] for values in far.oracles],
        better="higher",
    )
    assert probability(near) == pytest.approx(probability(far)) and within(near) == within(far)
    assert bound(near) == pytest.approx(bound(far))


def test_a_margin_is_never_finer_than_two_spreads_of_retraining():
    wide = Measured([0.02] * 4, [], [[-0.02, 0.0, 0.02]] * 4)
    assert spread_of_retraining(wide) == pytest.approx(0.02 * math.sqrt(4 / 3))
    assert not within_margin(Measured([0.02] * 4, [], [[-0.001, 0.0, 0.001]] * 4))
    assert within_margin(wide)


def test_a_distance_may_be_as_near_as_another_seed_brings_a_model():
    oracles = [[0.6, 0.7, 0.8]] * 6
    near = Measured([0.70] * 6, [0.72] * 6, oracles, better="lower")
    assert as_near_as_retraining(near) and not within(near)
    assert not as_near_as_retraining(replace(near, row=[0.9] * 6))
    assert not as_near_as_retraining(replace(near, better="oracle"))
