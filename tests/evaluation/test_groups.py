"""Sub-classes: what scores call a class is what the request does, not what was trained."""

import numpy as np
import pytest

from mu.evaluation.accuracy import ForgottenClassAccuracy, TestAccuracy
from mu.evaluation.attacks.ranking_attack import LossAUC
from mu.evaluation.details.detail import ROC, Destinations
from mu.evaluation.membership import SVCMIA
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals, Split


@pytest.fixture
def vehicles() -> tuple[Signals, Split, Split]:
    """Two trained classes of two sub-classes each; sub-class 0, hard for this model, is forgotten.

    Losses of a sub-class have one law, trained on or not.
    """
    rng = np.random.default_rng(0)
    groups = np.arange(1600) % 4
    labels = groups // 2
    right = np.where(groups == 0, -2.0, 4.0) + rng.normal(size=1600)
    logits = np.zeros((1600, 2))
    logits[np.arange(1600), labels] = right
    signals = Signals(np.arange(1600), logits, labels)
    train, test = np.arange(800), np.arange(800, 1600)
    parts = [train[groups[:800] == 0], [], train[groups[:800] != 0], [], test]
    return signals, Split(*parts), Split(*parts, groups=groups)


def score(one, signals, split):
    return one(signals, split, Peers())


def test_forgotten_rockets_are_compared_with_unseen_rockets(vehicles) -> None:
    signals, trained, named = vehicles
    assert score(LossAUC(), signals, named) == pytest.approx(0.5, abs=0.05)
    assert score(LossAUC(), signals, trained) < 0.35, "against all vehicles it tells them apart"
    found = ROC(points=9)(signals, named)
    assert np.abs(np.array(found["tpr"]) - found["fpr"])[3:].max() < 0.1


def test_test_accuracy_leaves_the_sub_class_out_and_apart(vehicles) -> None:
    signals, trained, named = vehicles
    truth = signals.targets == signals.logits.argmax(1)
    test = named.test
    kept = named.groups[test] != 0
    assert score(TestAccuracy(), signals, named) == pytest.approx(truth[test][kept].mean())
    gone = score(ForgottenClassAccuracy(), signals, named)
    assert gone == pytest.approx(truth[test][~kept].mean())
    assert np.isnan(score(ForgottenClassAccuracy(), signals, trained))


def test_no_trained_class_is_gone_when_a_sub_class_is(vehicles) -> None:
    signals, _, named = vehicles
    found = Destinations()(signals, named)
    assert found["gone"] == []
    assert found["test"] is not None


def test_attackers_learn_from_test_data_without_the_sub_class(vehicles) -> None:
    signals, trained, named = vehicles
    assert score(SVCMIA(), signals, named) != score(SVCMIA(), signals, trained)


def test_a_share_is_counted_over_samples_as_the_request_tells_classes_apart(vehicles) -> None:
    signals, trained, named = vehicles
    assert ForgottenClassAccuracy().counted(signals, named) == 200
    assert TestAccuracy().counted(signals, named) == 600
    assert TestAccuracy().counted(signals, trained) == 800
