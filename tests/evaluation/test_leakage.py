"""The attacks on models whose leakage is known: an overfitted one, oracles, shuffled membership."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from mu.evaluation.attacks.cross_validated import LossCV
from mu.evaluation.attacks.entropy import EntropyMIA
from mu.evaluation.attacks.ranking_attack import FeatureAUC, LossAUC
from mu.evaluation.attacks.threshold import ThresholdMIA
from mu.evaluation.membership import SVCMIA
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals, Split
from mu.results.intervals import estimate

TRAIN, FORGET, NOISE = 300, 100, 0.3


def digits(seed: int) -> tuple[np.ndarray, np.ndarray, Split]:
    """900 digits in a random order, 30 % of the labels random: 300 to train on, 600 to test."""
    generator = np.random.default_rng(seed)
    x, y = load_digits(return_X_y=True)
    order = generator.permutation(len(y))[:900]
    x, y = x[order] / 16.0, y[order].astype(np.int64)
    wrong = generator.random(len(y)) < NOISE
    y[wrong] = generator.integers(0, 10, wrong.sum())
    ids = np.arange(900)
    return x, y, Split(ids[:FORGET], [], ids[FORGET:TRAIN], [], ids[TRAIN:])


def trained(x: np.ndarray, y: np.ndarray, on: np.ndarray, seed: int) -> Signals:
    """Signals of a network trained to perfection on some of the rows."""
    net = MLPClassifier((64,), solver="lbfgs", alpha=1e-6, max_iter=300, random_state=seed)
    net.fit(x[on], y[on])
    assert net.score(x[on], y[on]) == 1.0
    return Signals(np.arange(len(y)), np.log(np.maximum(net.predict_proba(x), 1e-30)), y)


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Signals, Signals, Split]]:
    """(original, oracle, split) of six pairs of forget set and training seed."""
    found = []
    for seed in range(6):
        x, y, split = digits(seed)
        original = trained(x, y, np.arange(TRAIN), seed)
        found.append((original, trained(x, y, split.retain, seed), split))
    return found


def values(score, pairs, which: int) -> list[float]:
    return [score(pair[which], pair[2], Peers()) for pair in pairs]


@pytest.mark.parametrize("score", [LossAUC(), FeatureAUC("m_entropy"), LossCV("interval")])
def test_an_overfitted_model_is_caught(score, pairs) -> None:
    assert min(values(score, pairs, 0)) >= 0.70


@pytest.mark.parametrize("score", [LossAUC(), FeatureAUC("entropy"), LossCV(), LossCV("interval")])
def test_an_oracle_of_a_random_forget_set_is_at_chance(score, pairs) -> None:
    low, high = estimate(values(score, pairs, 1)).interval()
    assert low <= 0.5 <= high


@pytest.mark.parametrize(
    ("score", "sign"),
    [
        (SVCMIA(), 1),
        (SVCMIA("m_entropy"), 1),
        (ThresholdMIA("confidence"), 1),
        (ThresholdMIA(), 1),
        (EntropyMIA(), -1),
    ],
    ids=str,
)
def test_attacks_with_a_shadow_tell_the_original_from_the_oracle(score, sign, pairs) -> None:
    original, oracle = (np.array(values(score, pairs, which)) for which in (0, 1))
    assert estimate(sign * (oracle - original)).interval()[0] > 0.1


def test_shuffled_membership_is_at_chance(pairs) -> None:
    original, _, split = pairs[0]
    generator = np.random.default_rng(0)
    everyone = np.concatenate([split.forget, split.test])
    runs = []
    for _ in range(30):
        drawn = generator.permutation(everyone)
        mixed = Split(drawn[:FORGET], [], split.retain, [], drawn[FORGET:])
        runs.append([score(original, mixed, Peers()) for score in (LossAUC(), LossCV("interval"))])
    np.testing.assert_allclose(np.mean(runs, axis=0), 0.5, atol=0.03)
