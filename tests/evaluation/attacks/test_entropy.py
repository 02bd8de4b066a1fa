"""SSD's attack: an independent classifier, its bounds, and what the two variants leave out."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_expit, softmax
from scipy.stats import entropy

from mu.errors import UsageError
from mu.evaluation.attacks.entropy import EntropyMIA, entropy_mia
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals, Split


@pytest.fixture
def sets(golden):
    """(logits, labels) of retain, test and forget."""
    return [(golden[f"logits_{s}"], golden[f"labels_{s}"]) for s in ("retain", "test", "forget")]


def by_hand(retain, test, forget) -> float:
    """Balanced logistic regression with ½w² on the entropy, minimised without scikit-learn."""
    h, g, judged = (entropy(softmax(side[0].astype(float), axis=1), axis=1) for side in
                    (retain, test, forget))  # fmt: skip
    total = len(h) + len(g)

    def objective(w: np.ndarray) -> float:
        loss = log_expit(w[0] * h + w[1]).mean() + log_expit(-w[0] * g - w[1]).mean()
        return 0.5 * w[0] ** 2 - total / 2 * loss

    slope, offset = minimize(objective, np.zeros(2), tol=1e-10).x
    return float(np.mean(slope * judged + offset > 0))


def test_against_an_independent_fit(sets) -> None:
    retain, test, forget = sets
    assert entropy_mia(*sets) == by_hand(*sets)
    longer = tuple(np.concatenate([side, side]) for side in retain)
    assert entropy_mia(longer, test, forget) == by_hand(longer, test, forget)


def test_labels_play_no_part_and_order_neither(sets) -> None:
    retain, test, (logits, labels) = sets
    value = entropy_mia(retain, test, (logits, labels))
    assert value == entropy_mia(retain, test, (logits, (labels + 1) % 5))
    assert value == entropy_mia(*((z[::-1] + 3.0, y) for z, y in sets))


def test_one_entropy_for_all_and_empty_sides(sets) -> None:
    retain, test, _ = sets
    none = np.zeros((0, 5)), np.zeros(0, int)
    same = np.zeros((4, 5)), np.zeros(4, int)
    assert entropy_mia(same, same, same) in (0.0, 1.0)
    assert math.isnan(entropy_mia(retain, test, none))
    with pytest.raises(ValueError, match="retained and test"):
        entropy_mia(retain, none, test)


def test_the_variants_differ_in_the_forgotten_class(make, split) -> None:
    signals = make(strength=2.0)
    kept = split.test[signals.targets[split.test] != 2]
    for variant, unseen in (("corrected", kept), ("historical", split.test)):
        expected = entropy_mia(*(signals.at(ids) for ids in (split.retain, unseen, split.forget)))
        assert EntropyMIA(variant)(signals, split, Peers()) == expected
    with pytest.raises(UsageError, match="variant='old'"):
        EntropyMIA("old")


def test_nan_without_unseen_samples(make, split) -> None:
    bare = Split(split.forget, [], split.retain, [], [])
    regression = Signals(np.arange(100), np.zeros((100, 1)), np.zeros(100))
    assert math.isnan(EntropyMIA()(make(), bare, Peers()))
    assert math.isnan(EntropyMIA()(regression, split, Peers()))
