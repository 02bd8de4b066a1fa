"""Details of a model: known matrices, the same samples for every method, JSON."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from mu.errors import UsageError
from mu.evaluation.accuracy import Accuracy, ForgottenClassAccuracy, UnlearningAccuracy
from mu.evaluation.attacks.features import log_losses, unseen_alike
from mu.evaluation.details.detail import (
    ROC,
    ConfusionMatrix,
    Destinations,
    PerClass,
    Samples,
    detail_values,
    sample_ids,
)
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals, Split

PANEL = {
    "details": {
        "per_class": {"_target_": "mu.evaluation.details.detail.PerClass"},
        "destinations": {"_target_": "mu.evaluation.details.detail.Destinations"},
        "matrix": {"_target_": "mu.evaluation.details.detail.ConfusionMatrix"},
        "samples": {"_target_": "mu.evaluation.details.detail.Samples"},
    }
}


@pytest.fixture
def small() -> tuple[Signals, Split]:
    """Class 2 is forgotten (ids 0, 1); test ids 4-8 of classes 0, 0, 1, 2, 2; class 3 is empty."""
    predicted = [2, 0, 0, 1, 0, 1, 1, 1, 2]
    labels = np.array([2, 2, 0, 1, 0, 0, 1, 2, 2])
    logits = 5.0 * np.eye(4)[predicted]
    return Signals(np.arange(9), logits, labels), Split([0, 1], [], [2, 3], [], np.arange(4, 9))


def test_by_hand(small) -> None:
    found = detail_values(PANEL, *small)
    labels = [0, 1, 2, 3]
    assert found["per_class"] == {
        "labels": labels,
        "test": [0.5, 1.0, 0.5, None],
        "n": [2, 1, 2, 0],
    }
    assert found["destinations"] == {
        "labels": labels,
        "gone": [2],
        "forget": [0.5, 0.0, 0.5, 0.0],
        "test": [0.0, 0.5, 0.5, 0.0],
    }
    assert found["matrix"]["test"] == [[0.5, 0.5, 0, 0], [0, 1, 0, 0], [0, 0.5, 0.5, 0], [0] * 4]
    samples = found["samples"]
    assert (samples["ids"], samples["labels"], samples["predicted"]) == ([0, 1], [2, 2], [2, 0])
    sure = float(np.exp(5) / (np.exp(5) + 3))
    assert samples["confidence"] == pytest.approx([sure, sure], abs=1e-4)
    assert samples["label_confidence"] == pytest.approx([sure, (1 - sure) / 3], abs=1e-4)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_they_agree_with_the_scores(make, split) -> None:
    signals = make()
    per_class, where = PerClass()(signals, split), Destinations()(signals, split)
    pooled = np.average(per_class["test"], weights=per_class["n"])
    assert pooled == pytest.approx(Accuracy("test")(signals, split, Peers()), abs=1e-4)
    error = UnlearningAccuracy()(signals, split, Peers())
    assert where["forget"][2] == pytest.approx(1 - error, abs=1e-4)
    gone = ForgottenClassAccuracy()(signals, split, Peers())
    assert where["test"][2] == pytest.approx(gone, abs=1e-4)


def test_the_curve_is_scikit_learns_where_the_grid_resolves_it(make, split) -> None:
    signals = make()
    found = ROC(points=7)(signals, split)
    unseen = unseen_alike(signals, split, "forget")
    loss = [-log_losses(*signals.at(ids)) for ids in (split.forget, unseen)]
    truth = np.repeat([1, 0], [len(split.forget), len(unseen)])
    fpr, tpr, _ = roc_curve(truth, np.concatenate(loss), drop_intermediate=False)
    for rate, reached in zip(found["fpr"], found["tpr"], strict=True):
        assert reached == pytest.approx(tpr[fpr <= rate + 1e-4].max(), abs=1e-4)
    assert found["tpr"][-1] == 1


def test_ties_are_never_half_called(make) -> None:
    constant = Signals(np.arange(20), np.zeros((20, 2)), np.zeros(20, int))
    split = Split(np.arange(5), [], np.arange(5, 10), [], np.arange(10, 20))
    assert ROC(points=4)(constant, split)["tpr"] == [0, 0, 0, 1]


def test_no_forgotten_class_and_too_many_classes(make, split) -> None:
    kept = Split(split.forget[1:], [], np.append(split.retain, 0), [], split.test)
    assert Destinations()(make(), kept)["test"] is None
    assert ConfusionMatrix(limit=2)(make(), split) is None


def test_models_that_are_no_classifiers_have_none(make, split) -> None:
    regression = Signals(np.arange(100), np.zeros((100, 2)), np.zeros(100))
    assert detail_values(PANEL, make(columns=1), split) == {}
    assert detail_values(PANEL, regression, split) == {}
    assert detail_values({}, make(), split) == {}


@given(st.sets(st.integers(0, 10_000), max_size=60), st.integers(1, 20), st.randoms())
def test_samples_depend_on_the_set_alone(ids, count, random) -> None:
    turned = list(ids)
    random.shuffle(turned)
    chosen = sample_ids(turned, count)
    np.testing.assert_array_equal(chosen, sample_ids(sorted(ids), count))
    assert len(chosen) == len(set(chosen)) == min(count, len(ids))
    assert set(chosen) <= ids


def test_every_method_shows_the_same_samples(make, split) -> None:
    first, second = (Samples(count=4)(make(seed), split) for seed in (0, 1))
    assert first["ids"] == second["ids"] == sample_ids(split.forget, 4).tolist()
    with pytest.raises(UsageError, match="count=0"):
        sample_ids([1], 0)
