"""Membership attacks: golden values exactly, an independent AUC, and known cases."""

import math

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from mu.evaluation.attacks.features import (
    FEATURES,
    attack_features,
    log_losses,
    unseen_alike,
)
from mu.evaluation.attacks.ranking_attack import LossAUC, loss_auc
from mu.evaluation.membership import SVCMIA, svc_mia
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals, Split


@pytest.fixture
def sets(golden):
    """(logits, labels) of retain, test and forget."""
    return [(golden[f"logits_{s}"], golden[f"labels_{s}"]) for s in ("retain", "test", "forget")]


@pytest.mark.parametrize("name", FEATURES)
def test_historical_attack_meets_the_golden_values(golden, sets, name) -> None:
    expected = golden[f"svc_mia_forget_efficacy/{name}"]
    assert svc_mia(*sets, name, variant="historical") == pytest.approx(float(expected), abs=1e-9)


@pytest.mark.parametrize("name", FEATURES)
def test_corrected_attack_without_sub_sampling_meets_them_too(golden, sets, name) -> None:
    key = "m_entropy_corrected" if name == "m_entropy" else name
    expected = float(golden[f"svc_mia_forget_efficacy/{key}"])
    assert svc_mia(*sets, name, limit=None) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("part", ["retain", "test", "forget", "holdout"])
def test_features_meet_the_golden_values(golden, part) -> None:
    pair = golden[f"logits_{part}"], golden[f"labels_{part}"]
    for name, key in (("correctness", "correct"), ("confidence", "confidence")):
        found = attack_features(*pair, name)[:, 0]
        np.testing.assert_allclose(found, golden[f"feature/{part}/{key}"], atol=1e-6)
    for variant, key in (("corrected", "m_entropy"), ("historical", "m_entropy_historical")):
        found = attack_features(*pair, "m_entropy", variant)[:, 0]
        np.testing.assert_allclose(found, golden[f"feature/{part}/{key}"], rtol=1e-5, atol=1e-5)
    found = attack_features(*pair, "entropy")[:, 0]
    np.testing.assert_allclose(found, golden[f"feature/{part}/entropy"], atol=1e-6)


def test_historical_modified_entropy_depends_on_the_call(golden) -> None:
    pair = golden["logits_forget"][:10], golden["labels_forget"][:10]
    found = attack_features(*pair, "m_entropy", "historical")[:, 0]
    expected = golden["feature/forget/m_entropy_historical_first10"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_historical_takes_the_first_retained_and_corrected_a_seeded_sample(sets) -> None:
    retain, test, forget = sets
    longer = tuple(np.concatenate([side, side[::-1]]) for side in retain)
    assert svc_mia(longer, test, forget, variant="historical") == svc_mia(
        retain, test, forget, variant="historical"
    )
    runs = [svc_mia(longer, test, forget, limit=30, seed=seed) for seed in (0, 0, 1, 2, 3)]
    assert runs[0] == runs[1] and len(set(runs)) > 1


def test_corrected_balances_and_historical_refuses_a_short_retain(sets) -> None:
    (logits, labels), test, forget = sets
    short = logits[:50], labels[:50]
    assert 0 <= svc_mia(short, test, forget) <= 1
    with pytest.raises(ValueError, match=r"first .* = 120"):
        svc_mia(short, test, forget, variant="historical")


def test_a_leaky_model_is_caught() -> None:
    """Members at confidence .99, others at .5: forgotten like members 0, like others 1."""
    sure = np.tile([[5.0, 0.0]], (50, 1)), np.zeros(50, int)
    torn = np.tile([[0.0, 0.0]], (50, 1)), np.zeros(50, int)
    assert svc_mia(sure, torn, sure) == 0.0
    assert svc_mia(sure, torn, torn) == 1.0


def test_bad_words_and_empty_sides(sets) -> None:
    retain, test, forget = sets
    none = np.zeros((0, 5)), np.zeros(0, int)
    with pytest.raises(ValueError, match="features"):
        svc_mia(retain, test, forget, "loss")
    with pytest.raises(ValueError, match="variant"):
        svc_mia(retain, test, forget, variant="new")
    for wrong in ({"features": "loss"}, {"variant": "new"}):  # before anything is trained
        with pytest.raises(ValueError, match=next(iter(wrong))):
            SVCMIA(**wrong)
    with pytest.raises(ValueError, match="limit"):
        svc_mia(retain, test, forget, limit=0)
    with pytest.raises(ValueError, match="retained and test"):
        svc_mia(retain, none, forget)
    assert math.isnan(svc_mia(retain, test, none))
    assert math.isnan(loss_auc(forget, none)) and math.isnan(loss_auc(none, forget))


def test_loss_auc_against_scikit_learn(sets) -> None:
    _, test, forget = sets
    losses = [log_losses(*pair) for pair in (test, forget)]
    p = np.exp(forget[0]) / np.exp(forget[0]).sum(1, keepdims=True)
    assert losses[1].mean() == pytest.approx(log_loss(forget[1], p, labels=range(5)), rel=1e-5)
    labels = np.repeat([1, 0], [len(losses[0]), len(losses[1])])
    expected = roc_auc_score(labels, np.concatenate(losses))
    assert loss_auc(forget, test) == pytest.approx(expected)
    assert loss_auc(test, forget) == pytest.approx(1 - expected)


def test_svc_score_leaves_forgotten_classes_out(make, split) -> None:
    signals = make(strength=2.0)
    keep = split.test[signals.targets[split.test] != 2]
    expected = svc_mia(*(signals.at(ids) for ids in (split.retain, keep, split.forget)))
    assert SVCMIA()(signals, split, Peers()) == expected


def test_loss_score_compares_a_class_with_unseen_samples_of_it(make, split) -> None:
    signals = make()
    alike = split.test[signals.targets[split.test] == 2]
    np.testing.assert_array_equal(unseen_alike(signals, split, "forget"), alike)
    expected = loss_auc(signals.at(split.forget), signals.at(alike))
    assert LossAUC()(signals, split, Peers()) == expected


def test_links_are_attacked_with_edges_only(make) -> None:
    signals = make(columns=1)
    edges, pairs = np.flatnonzero(signals.targets == 1), np.arange(60, 100)
    split = Split(edges[:5], [], edges[5:20], [], pairs)
    assert set(signals.at(unseen_alike(signals, split, "retain"))[1]) == {1}
    assert (
        0 <= SVCMIA()(signals, split, Peers()) <= 1 and 0 <= LossAUC()(signals, split, Peers()) <= 1
    )


def test_scores_without_unseen_samples_are_nan(make, split) -> None:
    bare = Split(split.forget, [], split.retain, [], [])
    regression = Signals(np.arange(100), np.zeros((100, 1)), np.zeros(100))
    for score in (SVCMIA(), LossAUC()):
        assert math.isnan(score(make(), bare, Peers()))
        assert math.isnan(score(regression, split, Peers()))
