"""RMIA: ratios to models that never saw a sample."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mu.evaluation.attacks.rmia import RMIA, RMIATPR, likelihood_ratios, reference_sets, tpr
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals, Split

LOGS = st.floats(-50, 0)


def links(split: Split, raised: float = 0.0) -> Signals:
    """A link predictor that gives forgotten edges more than an oracle does."""
    logits = np.random.default_rng(0).normal(size=(100, 1))
    logits[split.forget] += raised
    targets = np.ones(100, np.int64)
    targets[85:] = 0
    return Signals(np.arange(100), logits, targets)


def test_by_hand() -> None:
    """ℓ of two samples: ln(.8 / mean(.2, .6)) = ln 2, and ln(.1 / mean(.1, .3)) = -ln 2."""
    found = likelihood_ratios(np.log([0.8, 0.1]), np.log([[0.2, 0.1], [0.6, 0.3]]))
    assert found == pytest.approx([math.log(2), -math.log(2)])


@given(hnp.arrays(float, 4, elements=LOGS), hnp.arrays(float, (3, 4), elements=LOGS), LOGS)
def test_a_common_factor_cancels(log_p, references, factor) -> None:
    """How hard a sample is for all models alike is taken out."""
    plain = likelihood_ratios(log_p, references)
    assert likelihood_ratios(log_p + factor, references + factor) == pytest.approx(plain, abs=1e-9)
    assert likelihood_ratios(log_p, references[::-1]) == pytest.approx(plain, abs=1e-12)
    twice = likelihood_ratios(log_p, np.concatenate([references, references]))
    assert twice == pytest.approx(plain, abs=1e-12)
    assert likelihood_ratios(log_p, log_p[None]) == pytest.approx(0)


def test_probabilities_of_exactly_zero() -> None:
    none = -np.inf
    found = likelihood_ratios([none, none, -1.0], [[none, -1.0, none]] * 2)
    assert found.tolist() == [0.0, -np.inf, np.inf]


@pytest.mark.parametrize("references", [np.zeros((0, 2)), np.zeros(2), np.zeros((2, 3))])
def test_references_of_another_shape(references) -> None:
    with pytest.raises(ValueError, match="need log p"):
        likelihood_ratios(np.zeros(2), references)


@pytest.mark.parametrize(("unseen", "allowed"), [(2, 1), (100, 1), (199, 1), (200, 2), (700, 7)])
def test_one_per_cent_of_the_unseen_may_lie_above(unseen, allowed) -> None:
    others = np.arange(unseen, dtype=float)
    limit = unseen - 1 - allowed
    assert tpr([limit + 0.5], others) == 1
    assert tpr([limit], others) == 0, "strictly above"
    assert (others > limit).sum() == allowed


def test_too_few_for_a_rate() -> None:
    assert math.isnan(tpr([1.0], [0.0])) and math.isnan(tpr([], [0.0, 1.0]))
    assert tpr([3.0, 0.0], [2.0, 1.0]) == 0.5


def test_as_many_references_as_an_oracle_has_others() -> None:
    assert reference_sets(0, left_out=True) == reference_sets(1, left_out=False) == []
    assert reference_sets(1, left_out=True) == [[0]]
    for oracles in (2, 3, 5):
        sets = reference_sets(oracles, left_out=False)
        assert {len(one) for one in sets} == {oracles - 1}
        assert reference_sets(oracles - 1, left_out=True) == [list(range(oracles - 1))]


@pytest.mark.parametrize("score", [RMIA(), RMIATPR()])
def test_a_model_is_held_against_each_set_of_all_oracles_but_one(score, make, split) -> None:
    oracles = [make(seed) for seed in (1, 2, 3)]
    peers = Peers(oracles)
    parts = [score(make(0), split, peers.without(i)) for i in range(3)]
    assert score(make(0), split, peers) == pytest.approx(np.mean(parts))
    assert peers.without(0).left_out and not peers.left_out


def test_where_there_is_nothing_to_hold_against(make, split) -> None:
    pair = Peers([make(1), make(2)])
    assert math.isfinite(RMIA()(make(0), split, pair))
    assert math.isnan(RMIA()(make(0), split, Peers([make(1)])))
    assert math.isfinite(RMIA()(make(1), split, pair.without(0)))
    assert math.isnan(RMIA()(make(1), split, Peers([make(1)]).without(0)))
    unknown = Split(split.forget, split.before, split.retain, split.validation, [])
    assert math.isnan(RMIA()(make(0), unknown, pair))
    regression = Signals(np.arange(100), np.zeros((100, 1)), np.zeros((100, 1)))
    assert math.isnan(RMIA()(regression, split, Peers([regression] * 2)))


def test_a_model_that_is_surer_of_what_it_saw_is_seen(make, split) -> None:
    peers, own, values = Peers([make(1), make(2)]), make(3), []
    for raised in (0.0, 1.0, 8.0):
        logits = own.logits.copy()
        logits[split.forget, own.targets[split.forget]] += raised
        values.append(RMIA()(Signals(own.index, logits, own.targets), split, peers))
    assert values == sorted(set(values))


def test_forgotten_edges_are_held_against_unseen_edges(split) -> None:
    """Ids 85 to 99 are test pairs that are no edges."""
    oracles = [links(split), links(split)]
    assert RMIA()(links(split), split, Peers(oracles)) == 0.5, "the very same model"
    assert RMIA()(links(split, raised=2.0), split, Peers(oracles)) == 1.0
    edges = Split(split.forget, split.before, split.retain, split.validation, np.arange(70, 85))
    one = links(split, raised=0.1)
    assert RMIA()(one, edges, Peers(oracles)) == RMIA()(one, split, Peers(oracles))
