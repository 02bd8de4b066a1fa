"""Forgotten against unseen samples of one model: how often it accuses, and what it bounds."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from mu.auditing.membership import Membership, at_most_left, membership, unlike_unseen
from mu.evaluation.ranking import auc
from mu.evaluation.signals import Signals

M, U = 60, 150
FORGET, UNSEEN = np.arange(M), np.arange(M, M + U)


def said(rng, hard, knows=0.0):
    """Two classes; `knows` is how much surer a model is of what it was trained on."""
    z = hard + rng.normal(size=M + U) + knows * (np.arange(M + U) < M)
    logits = np.stack([z, np.zeros(M + U)], axis=1)
    return Signals(np.arange(M + U), logits, np.zeros(M + U, int))


def audits(knows, count, k=3, seed=0):
    """Of several models: what it knows, beside that of an original that knows 1."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        hard = rng.normal(2, 2, size=M + U)
        oracles = [said(rng, hard) for _ in range(k)]
        pair = (said(rng, hard, knows), said(rng, hard, 1.0))
        yield tuple(membership(one, oracles, FORGET, UNSEEN) for one in pair)


def test_advantage_and_p_are_those_of_the_auc():
    rng = np.random.default_rng(0)
    one = Membership(rng.integers(0, 9, 20).astype(float), rng.integers(0, 7, 30).astype(float))
    assert one.advantage + 0.5 == pytest.approx(auc(one.forget, one.unseen))
    known = mannwhitneyu(one.forget, one.unseen, alternative="greater").pvalue
    assert one.pvalue() == pytest.approx(known)
    assert Membership(np.zeros(3), np.zeros(4)).pvalue() == 1.0


@pytest.mark.parametrize("k", [1, 3])
def test_a_retrained_model_is_accused_as_often_as_said_and_the_original_found(k):
    count = 400
    retrained = [a.pvalue() < 0.05 for a, _ in audits(0.0, count, k)]
    original = [b.pvalue() < 0.05 for _, b in audits(0.0, count, k)]
    assert np.mean(retrained) <= 0.05 + 3 * (0.05 * 0.95 / count) ** 0.5
    assert np.mean(original) > 0.9


def test_the_bound_is_rarely_below_what_is_left():
    count = 150
    for knows in (0.4, 1.0):
        truth = np.mean([a.advantage for a, _ in audits(knows, count)]) / np.mean(
            [b.advantage for _, b in audits(knows, count)]
        )
        wrong = [at_most_left(a, b) < truth for a, b in audits(knows, count, seed=1)]
        assert np.mean(wrong) <= 0.05 + 3 * (0.05 * 0.95 / count) ** 0.5


def test_an_original_is_bounded_by_itself_and_one_that_knows_nothing_bounds_nothing():
    a, b = next(audits(0.0, 1))
    assert at_most_left(b, b) == pytest.approx(1.0)
    assert a.pvalue() > 0.05 and np.isnan(at_most_left(b, a))
    lone = Membership(a.forget[:1], a.unseen)
    assert np.isnan(at_most_left(lone, lone))
    away = Membership(b.forget - 99, b.unseen)
    assert at_most_left(away, b) == 0.0


def test_values_without_references_and_of_a_loss_of_ones_own():
    rng = np.random.default_rng(0)
    losses = rng.random(M + U)
    one = Signals(np.arange(M + U), np.zeros((M + U, 1)), losses, losses=losses)
    other = Signals(np.arange(M + U), np.zeros((M + U, 1)), losses, losses=losses + 1)
    alone = membership(one, [], FORGET, UNSEEN)
    assert (alone.forget == -losses[:M]).all()
    assert membership(one, [other], FORGET, UNSEEN).unseen == pytest.approx(np.ones(U))


def test_hard_samples_are_not_like_a_random_draw():
    rng = np.random.default_rng(0)
    hard = rng.normal(2, 2, size=M + U)
    oracles = [said(rng, hard) for _ in range(3)]
    assert unlike_unseen(oracles, FORGET, UNSEEN) > 0.05
    hardest = np.argsort(hard)[:M]
    assert unlike_unseen(oracles, hardest, np.setdiff1d(np.arange(M + U), hardest)) < 0.001
