"""Where retrained models lie, and which model lies farthest."""

import numpy as np
import pytest
from scipy.stats import t

from mu.auditing.retrains import against_retrains, farthest
from mu.evaluation.signals import Signals


@pytest.mark.parametrize("k", [3, 5])
def test_another_retrained_model_is_outside_as_often_as_said(k):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1500, k + 1))
    found = [against_retrains(one[0], list(one[1:])).pvalue() < 0.05 for one in values]
    assert np.mean(found) == pytest.approx(0.05, abs=0.018)


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize(("n", "share"), [(7, 0.97), (28, 0.1), (216, 0.1), (216, 0.5)])
def test_shares_of_few_samples_accuse_no_more_often_than_said(k, n, share):
    rng = np.random.default_rng(0)
    shares = rng.binomial(n, share, size=(800, k + 1)) / n
    found = [against_retrains(one[0], list(one[1:]), n).pvalue() < 0.05 for one in shares]
    assert np.mean(found) <= 0.05 + 2 * (0.05 * 0.95 / 800) ** 0.5


def test_it_is_the_t_interval_of_a_new_draw():
    oracles = [0.2, 0.5, 0.9]
    low, high = against_retrains(0.7, oracles).interval()
    half = t.ppf(0.975, 2) * np.std(oracles, ddof=1) * np.sqrt(1 + 1 / 3)
    gap = 0.7 - np.mean(oracles)
    assert (low, high) == pytest.approx((gap - half, gap + half))


def test_a_class_of_seven_that_all_oracles_miss_is_seen_and_one_more_hit_is_not():
    assert against_retrains(1.0, [0.0, 0.0, 0.0], 7).pvalue() < 0.001
    assert against_retrains(1 / 7, [0.0, 0.0, 0.0], 7).pvalue() > 0.05


def test_two_oracles_draw_no_line():
    assert np.isnan(against_retrains(1.0, [0.1, 0.2]).pvalue())
    assert np.isnan(against_retrains(1.0, [0.0, 0.0], 7).pvalue())


def test_ranks_of_models_made_alike_are_equally_likely():
    rng = np.random.default_rng(0)

    def one(shift=0.0):
        logits = rng.normal(size=(9, 3)) + shift * np.array([9.0, 0, 0])
        return Signals(np.arange(9), logits, np.zeros(9, int))

    ranks = [farthest([one() for _ in range(4)], np.arange(9)) for _ in range(400)]
    assert np.bincount(ranks, minlength=5)[1:] == pytest.approx(100, abs=30)
    assert farthest([one(1.0), one(), one(), one()], np.arange(9)) == 1
    assert farthest([one(), one(), one(), one(1.0)], np.arange(9)) > 1


def test_outputs_that_are_no_classes_are_held_apart_by_distance():
    values = [np.full((4, 2), float(v)) for v in (0, 1, 9)]
    models = [Signals(np.arange(4), v, np.zeros((4, 2))) for v in values]
    assert farthest(models, np.arange(4)) == 2
    assert farthest(models[::-1], np.arange(4)) == 1
