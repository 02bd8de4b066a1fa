"""What is memorised of single samples, against models that never saw them."""

import numpy as np
import pytest

from mu.errors import UsageError
from mu.evaluation.details.detail import detail_values
from mu.evaluation.details.memorised import MemorisationHistograms, likelihood
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals, Split

EMPTY = np.empty(0, np.int64)
PARTS = Split(np.array([0, 1]), EMPTY, np.array([2]), EMPTY, np.array([3]))
PANEL = {"details": {"m": {"_target_": "mu.evaluation.details.memorised.MemorisationHistograms"}}}


def model(*probabilities):
    """A model that gives the true class, 0, these probabilities."""
    p = np.array(probabilities)
    logits = np.log(np.stack([p, 1 - p], axis=1))
    return Signals(np.arange(len(p)), logits, np.zeros(len(p), np.int64))


ORIGINAL = model(0.9, 0.6, 0.9, 0.5)
FRESH = [model(0.1, 0.6, 0.9, 0.5), model(0.3, 0.4, 0.9, 0.5)]


def test_probabilities_of_the_true_class():
    assert likelihood(ORIGINAL, np.array([0, 3])) == pytest.approx([0.9, 0.5])


def test_the_original_has_memorised_what_oracles_do_not_know():
    found = MemorisationHistograms(bins=4)(ORIGINAL, PARTS, Peers(oracles=FRESH))
    assert found["edges"] == [-1, -0.5, 0, 0.5, 1]
    assert found["forget"] == [0, 0, 0.5, 0.5]  # 0.7 and 0.1
    assert found["test"] == [0, 0, 1, 0]


def test_an_oracle_is_compared_with_the_others():
    found = MemorisationHistograms(bins=4)(FRESH[0], PARTS, Peers(oracles=FRESH))
    assert found["forget"] == [0, 0.5, 0.5, 0]  # −0.2 and 0.2
    alone = Peers(oracles=FRESH[:1])
    assert MemorisationHistograms()(FRESH[0], PARTS, alone) is None


def test_a_panel_hands_it_the_oracles():
    found = detail_values(PANEL, ORIGINAL, PARTS, Peers(oracles=FRESH))
    assert len(found["m"]["forget"]) == 41 and sum(found["m"]["forget"]) == 1
    assert detail_values(PANEL, ORIGINAL, PARTS, Peers()) == {"m": None}


def test_a_misspelt_option_is_refused():
    wrong = {"details": {"m": PANEL["details"]["m"] | {"bin": 3}}}
    with pytest.raises(UsageError, match="bin"):
        detail_values(wrong, ORIGINAL, PARTS, Peers())
