"""Intervals and tests: against SciPy, by simulated coverage, and where they degenerate."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mu.errors import UsageError
from mu.results.estimate import Estimate
from mu.results.intervals import estimate, gap_estimate, holm


def interval(values, level=0.95) -> tuple[float, float, float]:
    found = estimate(values)
    return found.mean, *found.interval(level)


pvalues = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def test_interval_and_pvalue_against_scipy() -> None:
    values = np.random.default_rng(0).normal(0.3, 1.0, size=9)
    low, high = stats.t.interval(0.9, 8, values.mean(), stats.sem(values))
    assert interval(values, 0.9) == pytest.approx((values.mean(), low, high))
    assert estimate(values).pvalue() == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_few_values() -> None:
    assert all(math.isnan(x) for x in interval([]))
    mean, low, high = interval([0.4])
    assert mean == 0.4 and math.isnan(low) and math.isnan(high)
    assert interval([0.5, math.nan, 0.5, math.inf]) == (0.5, 0.5, 0.5)
    assert estimate([0.5, math.nan, 0.7]).n == 2
    with pytest.raises(UsageError, match="level"):
        interval([1.0, 2.0], 95)


def test_equal_gaps_have_no_width() -> None:
    """Values that differ by rounding only count as equal, and a rounding gap as 0."""
    flat = gap_estimate([0.3, 0.3], [[0.1 + 0.2] * 3, [0.3] * 3])
    assert (flat.mean, flat.error, flat.pvalue(), flat.excludes_zero()) == (0, 0, 1, False)
    moved = gap_estimate([0.4, 0.5], [[0.3], [0.4]])
    assert moved.error == 0 and moved.pvalue() == 0 and moved.excludes_zero()


def test_gap_is_paired() -> None:
    """The pairs' own level cancels: a gap of .1 is sure although values spread by .8."""
    found = gap_estimate([0.11, 0.52, 0.89], [[0.0, 0.02], [0.4, 0.42], [0.8, 0.78]])
    gap, low, high = found.mean, *found.interval()
    assert gap == pytest.approx(0.1033333) and 0 < low < high < 0.2
    assert not estimate([0.11, 0.52, 0.89]).excludes_zero()


def test_pairs_without_oracle_are_dropped() -> None:
    found = gap_estimate([0.5, 0.6, 0.7], [[0.5], [], [math.nan, 0.6]])
    assert found.n == 2 and found.mean == pytest.approx(0.05)
    with pytest.raises(UsageError, match="pairs"):
        gap_estimate([0.5], [])


def test_shared_oracles_widen_the_interval() -> None:
    values, oracles = [0.50, 0.52, 0.51, 0.53], [[0.40, 0.50, 0.60]] * 4
    alone, shared = (gap_estimate(values, oracles, flag) for flag in (False, True))
    assert shared.mean == alone.mean
    assert shared.error**2 == pytest.approx(alone.error**2 + 0.1**2 / 3)
    assert 2 < shared.freedom < 3
    assert math.isnan(gap_estimate(values, [[0.4]] * 4, True).error)
    exact = gap_estimate(values, [[0.4, 0.4]] * 4, True)
    assert exact.error == pytest.approx(alone.error) and exact.freedom == 3


def test_equivalence_is_two_one_sided_tests() -> None:
    gaps = np.array([0.004, -0.002, 0.003, 0.001, -0.001])
    for margin in (0.002, 0.0032, 0.005):
        below = stats.ttest_1samp(gaps, -margin, alternative="greater").pvalue
        above = stats.ttest_1samp(gaps, margin, alternative="less").pvalue
        assert estimate(gaps).within(margin) == (max(below, above) < 0.05)
    assert estimate([0.0, 0.0]).within(0.01) and not estimate([0.0]).within(0.01)
    assert not estimate([]).within(0.01)
    with pytest.raises(UsageError, match="positive"):
        estimate(gaps).within(0.0)


@given(pvalues)
def test_holm_is_monotone_and_never_below_the_raw(raw: list[float]) -> None:
    adjusted = holm(raw)
    assert np.all(adjusted >= np.array(raw)) and np.all(adjusted <= 1)
    assert np.all(np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0)
    assert np.all(adjusted <= np.minimum(1, len(raw) * np.array(raw)) + 1e-15)


def test_holm_skips_nan() -> None:
    found = holm([0.02, math.nan, 0.01])
    assert found[[0, 2]] == pytest.approx([0.02, 0.02]) and math.isnan(found[1])
    assert len(holm([])) == 0


def test_units_are_seeds_when_there_is_one_set() -> None:
    found = estimate([0.1, 0.3, 0.2, 0.6], seeds=[0, 0, 1, 1], sets="aaaa")
    assert found.n == 2 and found.mean == pytest.approx(0.3)
    assert found.error == pytest.approx(0.1) and found.freedom == 1
    assert estimate([0.1, 0.3, 0.2, 0.6]).n == 4


def test_crossed_seeds_and_sets_count_as_the_scarcer() -> None:
    seeds, sets = [0, 1, 2, 0, 1, 2], "aaabbb"
    found = estimate([1.0, 2.0, 3.0, 5.0, 6.0, 7.0], seeds, sets)
    assert found.n == 2 and found.mean == 4.0 and found.freedom == 1
    assert found.error**2 == pytest.approx(1.0 / 3 + 8.0 / 2)
    assert estimate([1.0, 2.0, 3.0], [0, 0, 0], "abc").n == 1


def test_the_scarcer_factor_is_averaged_first() -> None:
    found = estimate([1.0, 1.0, 1.0, 5.0], seeds=[0, 1, 2, 3], sets="aaab")
    assert found.n == 2 and found.mean == 3.0


def _coverage(draw, runs: int = 2000) -> float:
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(runs):
        low, high = draw(generator).interval()
        hits += low <= 0.1 <= high
    return hits / runs


def test_paired_interval_covers_95_percent() -> None:
    def own_oracles(generator: np.random.Generator) -> Estimate:
        level = generator.normal(size=5)
        values = level + 0.1 + generator.normal(scale=0.3, size=5)
        return gap_estimate(values, level[:, None] + generator.normal(scale=0.3, size=(5, 3)))

    assert _coverage(own_oracles) == pytest.approx(0.95, abs=0.015)


def test_shared_oracles_cover_only_with_their_variance() -> None:
    def draw(generator: np.random.Generator, shared: bool) -> Estimate:
        oracles = generator.normal(scale=0.3, size=3)
        values = 0.1 + generator.normal(scale=0.3, size=5)
        return gap_estimate(values, [oracles] * 5, shared)

    assert _coverage(lambda generator: draw(generator, True)) == pytest.approx(0.95, abs=0.025)
    assert _coverage(lambda generator: draw(generator, False)) < 0.9


@pytest.mark.parametrize(("by_seed", "by_set"), [(1.0, 1.0), (0.1, 1.0), (1.0, 0.1), (0.0, 0.0)])
def test_crossed_design_covers_at_least_nominally(by_seed: float, by_set: float) -> None:
    seeds, sets = np.divmod(np.arange(12), 4)

    def draw(generator: np.random.Generator) -> Estimate:
        own = by_seed * generator.normal(size=3)[seeds] + by_set * generator.normal(size=4)[sets]
        return estimate(0.1 + own + generator.normal(size=12), seeds.tolist(), sets.tolist())

    assert _coverage(draw, 1000) > 0.93
