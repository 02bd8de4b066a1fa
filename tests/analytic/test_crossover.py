"""The number of rows from which solving anew is cheaper."""

from mu.analytic.crossover import crossover


def test_it_is_a_number_of_rows_and_measured_once() -> None:
    crossover.cache_clear()
    first = crossover(256, 10)
    assert 1 <= first < 100_000
    assert crossover(256, 10) == first and crossover.cache_info().hits == 1
