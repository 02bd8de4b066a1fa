"""Exact intervals and the bound on ε."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from mu.auditing.exact import epsilon_bound, exact_interval
from mu.errors import UsageError


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (7, 7), (3, 28), (1, 1)])
def test_the_interval_is_that_of_clopper_and_pearson(hits, n):
    known = binomtest(hits, n).proportion_ci(0.95, "exact")
    assert exact_interval(hits, n) == pytest.approx((known.low, known.high))


def test_it_covers_what_it_says_at_any_share():
    for share in (0.01, 0.2, 0.5, 0.93):
        inside = [exact_interval(h, 12)[0] <= share <= exact_interval(h, 12)[1] for h in range(13)]
        assert binom.pmf(np.arange(13), 12, share)[inside].sum() >= 0.95


@pytest.mark.parametrize(("hits", "n"), [(3, 2), (0, 0), (-1, 2)])
def test_no_share_is_refused(hits, n):
    with pytest.raises(UsageError, match="is no share"):
        exact_interval(hits, n)


def test_epsilon_is_above_zero_for_hardly_any_model_that_knows_nothing():
    rng = np.random.default_rng(0)
    found = [epsilon_bound(rng.normal(size=60), rng.normal(size=200)) > 0 for _ in range(300)]
    assert np.mean(found) <= 0.05 + 2 * (0.05 * 0.95 / 300) ** 0.5


def test_epsilon_of_what_all_can_tell_grows_with_the_samples():
    sizes = [epsilon_bound(np.ones(n), np.zeros(n)) for n in (20, 100, 500)]
    assert sizes == sorted(sizes) and sizes[0] > 0.5
    assert np.isnan(epsilon_bound([1.0], [0.0, 0.0]))
