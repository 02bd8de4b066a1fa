"""The number of rows from which solving anew is cheaper."""

import pytest

from mu.analytic import crossover as module
from mu.analytic.crossover import crossover


@pytest.fixture(autouse=True)
def _unmeasured():
    """Nothing known of other tests, and nothing left to them."""
    crossover.cache_clear()
    yield
    crossover.cache_clear()


def test_it_is_a_number_of_rows_and_measured_once() -> None:
    first = crossover(256, 10)
    assert isinstance(first, int) and first >= 1
    assert crossover(256, 10) == first and crossover.cache_info().hits == 1


@pytest.mark.parametrize(
    ("solve", "few", "many", "rows"),
    [
        (1.0, 0.1, 0.2, 16 + 9 * 112),  # 16 and 128 rows take .1 and .2 s: a second at 1 024
        (0.1, 0.1, 0.2, 16),
        (0.0, 0.1, 0.2, 1),  # solving anew is always cheaper
    ],
)
def test_it_is_where_the_line_of_the_corrections_meets_the_solution(
    monkeypatch, solve, few, many, rows
):
    seconds = iter((solve, few, many))
    monkeypatch.setattr(module, "best", lambda work: next(seconds))
    assert crossover(256, 10) == pytest.approx(rows, abs=1)
