"""Attacks on edges: golden MI ratios, and the attacker that needs no shadow model."""

import math

import numpy as np
import pytest

from mu.evaluation.attacks.links import MIRatio, edge_attack, mi_ratio
from mu.evaluation.graph import sigmoid
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals, Split


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def attacker(golden, p):
    """The published attacker: (1 − p, p) through two layers."""
    h = np.stack([1 - p, p], axis=1)
    h = np.maximum(h @ golden["mi/attacker/0.weight"].T + golden["mi/attacker/0.bias"], 0)
    return softmax(h @ golden["mi/attacker/2.weight"].T + golden["mi/attacker/2.bias"])


def test_golden_ratios(golden_graph):
    g = golden_graph
    before, after = g["mi/prob_before"][:, 1], g["mi/prob_after"][:, 1]
    assert mi_ratio(before, after) == pytest.approx(float(g["mi/ratio_before_over_after"]))
    assert mi_ratio(before, after, "logged") == pytest.approx(float(g["mi/ratio_as_logged"]))


def test_golden_probabilities_come_from_the_pairs_scores(golden_graph):
    g = golden_graph
    edges = g["published/edge_index"][:, g["published/df_mask"]]
    for name, z in (
        ("before", g["published/z2_original"]),
        ("after", g["published/z2_deleted_on_retained"]),
    ):
        p = sigmoid((z[edges[0]] * z[edges[1]]).sum(1))
        np.testing.assert_allclose(attacker(g, p), g[f"mi/prob_{name}"], rtol=1e-9)


def test_the_attack_knows_members_by_their_higher_logits():
    rng = np.random.default_rng(0)
    members, others = rng.normal(3, 1, 4000), rng.normal(0, 1, 50)
    found = edge_attack(members, others, [-1.0, 1.5, 4.0])
    assert found[0] < 0.1 < found[1] < 0.9 < found[2]
    assert found[1] == pytest.approx(0.5, abs=0.1)  # half-way, however many members there are


def signals(forget, shift=0.0):
    """Ids 0–9 forgotten, 10–59 retained, 60–79 validation (half edges), 80–99 test."""
    logits = np.concatenate([np.full(10, forget), np.full(50, 3.0), np.tile([1.0, -2.0], 20)])
    logits[10:60] += np.linspace(-1, 1, 50)
    logits[60:80:2] += np.linspace(-1, 1, 10)
    targets = np.concatenate([np.ones(60), np.tile([1, 0], 20)]).astype(int)
    return Signals(np.arange(100), (logits + shift)[:, None], targets)


SPLIT = Split(
    np.arange(10), np.empty(0, np.int64), np.arange(10, 60), np.arange(60, 80), np.arange(80, 100)
)


def test_the_ratio_is_one_where_nothing_changed_and_grows_with_what_is_hidden():
    original = Peers(original=signals(3.0))
    same, lower, lowest = (MIRatio()(signals(z), SPLIT, original) for z in (3.0, 2.0, 0.0))
    assert same == pytest.approx(1.0)
    assert 1 < lower < lowest


def test_it_is_nan_where_it_does_not_apply():
    two = Signals(np.arange(100), np.zeros((100, 2)), np.zeros(100, int))
    assert math.isnan(MIRatio()(signals(1.0), SPLIT, Peers()))
    assert math.isnan(MIRatio()(two, SPLIT, Peers(original=two)))


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(ValueError, match="2 probabilities before and 1 after"):
        mi_ratio([0.5, 0.5], [0.5])
    with pytest.raises(ValueError, match="variant='code' is not one of paper, logged"):
        mi_ratio([0.5], [0.5], "code")
