"""Population AUCs."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mu.errors import UsageError
from mu.evaluation.attacks.features import attack_features, unseen_alike
from mu.evaluation.attacks.ranking_attack import AUC_FEATURES, FeatureAUC, feature_auc, loss_auc
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals


@pytest.fixture
def pairs(golden):
    """(logits, labels) of forget and test."""
    return [(golden[f"logits_{s}"], golden[f"labels_{s}"]) for s in ("forget", "test")]


@pytest.mark.parametrize("name", AUC_FEATURES)
def test_against_scikit_learn(pairs, name) -> None:
    forget, test = (attack_features(*pair, name)[:, 0] for pair in pairs)
    label = np.repeat([1, 0], [len(forget), len(test)])
    expected = roc_auc_score(label, np.concatenate([forget, test]))
    expected = expected if name == "confidence" else 1 - expected
    assert feature_auc(*pairs, name) == pytest.approx(expected)
    assert feature_auc(*pairs[::-1], name) == pytest.approx(1 - expected)


def test_confidence_ranks_as_the_loss_does(pairs) -> None:
    assert feature_auc(*pairs, "confidence") == pytest.approx(loss_auc(*pairs))


def test_the_score_compares_with_unseen_samples_of_the_same_class(make, split) -> None:
    signals = make()
    unseen = unseen_alike(signals, split, "forget")
    expected = feature_auc(signals.at(split.forget), signals.at(unseen), "entropy")
    assert FeatureAUC()(signals, split, Peers()) == expected


def test_bad_words_and_nan(pairs, split) -> None:
    none = np.zeros((0, 5)), np.zeros(0, int)
    regression = Signals(np.arange(100), np.zeros((100, 1)), np.zeros(100))
    assert math.isnan(feature_auc(none, pairs[1]))
    assert math.isnan(feature_auc(pairs[0], none))
    assert math.isnan(FeatureAUC()(regression, split, Peers()))
    with pytest.raises(UsageError, match="features='prob'"):
        FeatureAUC("prob")
    with pytest.raises(ValueError, match="features='prob'"):
        feature_auc(*pairs, "prob")
