"""Intervals and tests: against SciPy, by simulated coverage, and where they degenerate."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mu.errors import UsageError
from mu.results.estimate import Estimate
from mu.results.intervals import deviation, estimate, holm


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


@pytest.mark.parametrize(("by_seed", "by_set"), [(1.0, 1.0), (0.1, 1.0), (1.0, 0.1), (0.0, 0.0)])
def test_crossed_design_covers_at_least_nominally(by_seed: float, by_set: float) -> None:
    seeds, sets = np.divmod(np.arange(12), 4)

    def draw(generator: np.random.Generator) -> Estimate:
        own = by_seed * generator.normal(size=3)[seeds] + by_set * generator.normal(size=4)[sets]
        return estimate(0.1 + own + generator.normal(size=12), seeds.tolist(), sets.tolist())

    assert _coverage(draw, 1000) > 0.93


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_a_deviation_is_numpys(values):
    found, wanted = deviation(values), float(np.std(values, ddof=1))
    assert found == 0 or found == pytest.approx(wanted, rel=1e-6)
    assert found or np.ptp(values) <= 1e-12 * max(1, np.abs(values).max())


def test_values_without_a_deviation_have_none():
    assert deviation([1.0, math.inf]) != deviation([1.0, math.inf])  # not a number
    assert deviation([1.0, math.nan, 1.0]) != deviation([1.0, math.nan, 1.0])
    assert deviation([1e200, -1e200]) == math.inf
    assert deviation([2.0]) == 0
