"""Outputs of forgotten nodes that were never trained on."""

import numpy as np
import pytest

from mu.evaluation.distance import agreement, kl
from mu.evaluation.own_outputs import OwnAgreement, OwnKL
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals, Split

NONE = np.empty(0, np.int64)


def signals(seed):
    logits = np.random.default_rng(seed).normal(size=(8, 3))
    return Signals(np.arange(8), logits, np.array([0, 1, 2, 0, 1, 2, -1, -1]))


def test_the_nodes_themselves_are_compared_with_the_oracles_and_need_no_label():
    own, oracles = signals(0), [signals(1), signals(2)]
    split = Split(NONE, NONE, NONE, NONE, NONE, own=np.array([5, 6]))
    for score, by_hand in ((OwnKL(), kl), (OwnAgreement(), agreement)):
        wanted = np.mean([by_hand(one.logits[5:7], own.logits[5:7]) for one in oracles])
        assert score(own, split, Peers(oracles)) == pytest.approx(wanted)
        assert np.isnan(score(own, Split(NONE, NONE, NONE, NONE, NONE), Peers(oracles)))
        assert np.isnan(score(own, split, Peers()))
        assert score.reads == {"own"} and score.kind == "forgetting"
