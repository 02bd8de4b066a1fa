"""Intervals are shown as far as a score reaches, and no farther."""

import records
from hypothesis import given
from hypothesis import strategies as st

from mu.results.format import mean_interval, shown_interval
from mu.results.rows import Row

shares = st.floats(0, 1)


def row(mean: float, low: float | None, high: float | None) -> Row:
    return records.row(mean=mean, low=low, high=high)


@given(shares, st.floats(0, 9))
def test_a_proportion_lies_in_its_shown_interval(mean: float, half: float) -> None:
    low, high = shown_interval(row(mean, mean - half, mean + half), [0.0, 1.0])
    assert low is not None and high is not None
    assert 0 <= low <= mean <= high <= 1
    assert (low, high) == (max(mean - half, 0), min(mean + half, 1))


def test_nothing_is_cut_without_limits_or_beyond_them() -> None:
    wide = row(0.5, -1.0, 2.0)
    assert shown_interval(wide) == shown_interval(wide, [None, None]) == (-1.0, 2.0)
    assert shown_interval(wide, [0.0, None]) == (0.0, 2.0)
    assert shown_interval(row(-0.5, -0.6, -0.4), [0.0, None]) == (-0.6, -0.4)


def test_where_there_is_no_interval_there_is_none() -> None:
    assert shown_interval(row(0.5, None, None), [0.0, 1.0]) == (None, None)
    assert mean_interval(row(0.5, None, None), [0.0, 1.0]) == "0.500"
