"""Panels of scores."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from mu.errors import UsageError
from mu.evaluation.accuracy import UnlearningAccuracy
from mu.evaluation.distance import KLToOracle, kl
from mu.evaluation.score import OwnScore, Peers, panel_values
from mu.evaluation.signals import Signals
from mu.running.jobs import one_line


@dataclass(frozen=True)
class Broken(OwnScore):
    """A score that always fails."""

    family = "forgetting"
    reads = frozenset({"forget"})

    def of(self, signals, split) -> float:
        """Fail."""
        raise ZeroDivisionError("no")


@dataclass(frozen=True)
class Population(Broken):
    """A score over many models."""

    over: ClassVar[str] = "population"


def test_oracles_are_scored_against_the_others(make, split) -> None:
    oracles = [make(seed) for seed in (1, 2, 3)]
    scores = {"ua": UnlearningAccuracy(), "kl": KLToOracle("retain")}
    peers = Peers(oracles)
    found = panel_values(scores, oracles[1], split, peers.without(1))
    assert found["ua"] == UnlearningAccuracy()(oracles[1], split, Peers())
    one, two, three = (oracle.at(split.retain)[0] for oracle in oracles)
    assert found["kl"] == pytest.approx((kl(one, two) + kl(three, two)) / 2)
    alone = Peers(oracles[:1]).without(0)
    assert math.isnan(panel_values(scores, oracles[0], split, alone)["kl"])


def test_an_error_is_raised_with_the_name_of_the_score(make, split) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        panel_values({"broken": Broken()}, make(), split, Peers())
    assert one_line(caught.value) == "ZeroDivisionError: no (while computing the score 'broken')"


def test_a_diverged_model_is_refused_and_a_masked_class_is_not(make, split) -> None:
    signals = make()
    logits = signals.logits.copy()
    logits[:, 0] = -np.inf
    masked = Signals(signals.index, logits, signals.targets)
    assert panel_values({"ua": UnlearningAccuracy()}, masked, split, Peers())["ua"] <= 1
    logits[5, 1] = np.nan
    with pytest.raises(ValueError, match="diverged"):
        panel_values({}, Signals(signals.index, logits, signals.targets), split, Peers())


def test_population_scores_are_refused(make, split) -> None:
    with pytest.raises(UsageError, match="population"):
        panel_values({"many": Population()}, make(), split, Peers())


def test_peers_of_an_oracle_say_that_it_is_left_out(make) -> None:
    oracles = [make(seed) for seed in (1, 2, 3)]
    peers = Peers(oracles, original=make(4))
    others = peers.without(1)
    assert list(others.oracles) == [oracles[0], oracles[2]]
    assert (peers.left_out, others.left_out) == (False, True)
    assert others.original is peers.original
