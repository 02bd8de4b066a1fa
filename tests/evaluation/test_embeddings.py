"""Embeddings: a distance that rotations do not change, and the picture."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group

from mu.evaluation.details.histograms import ScoreHistograms
from mu.evaluation.embeddings import EmbeddingDistance, EmbeddingMap, procrustes_distance
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals, Split


@given(seed=st.integers(0, 999), d=st.integers(2, 5))
def test_the_distance_is_the_smallest_over_rotations(seed, d):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 9, d))
    q, _ = orthogonal_procrustes(a, b)
    wanted = np.linalg.norm(a @ q - b) / np.linalg.norm(b)
    assert procrustes_distance(a, b) == pytest.approx(wanted, abs=1e-9)
    turned = a @ ortho_group.rvs(d, random_state=seed)
    assert procrustes_distance(turned, b) == pytest.approx(wanted, abs=1e-9)
    assert procrustes_distance(turned, a) == pytest.approx(0, abs=1e-6)


def test_a_narrower_embedding_counts_as_one_with_zeros():
    a, b = np.random.default_rng(0).normal(size=(2, 9, 4))
    padded = np.concatenate([a[:, :2], np.zeros((9, 2))], axis=1)
    assert procrustes_distance(a[:, :2], b) == pytest.approx(procrustes_distance(padded, b))
    assert procrustes_distance(b, a[:, :2]) == pytest.approx(procrustes_distance(b, padded))


def test_embeddings_of_other_nodes_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(4, 3\)"):
        procrustes_distance(np.zeros((2, 3)), np.zeros((4, 3)))


def links(z=None) -> Signals:
    logits = np.linspace(-4, 4, 40)[:, None]
    targets = np.r_[np.ones(30), np.tile([1, 0], 5)].astype(int)
    return Signals(np.arange(40), logits, targets, z)


PAIRS = np.stack([np.arange(40), np.arange(40) + 1], axis=1)
EMPTY = np.empty(0, np.int64)
SPLIT = Split(np.arange(6), EMPTY, np.arange(6, 30), EMPTY, np.arange(30, 40), pairs=PAIRS)


def test_the_score_is_the_mean_over_oracles():
    rng = np.random.default_rng(0)
    own, *others = rng.normal(size=(3, 41, 4))
    found = EmbeddingDistance()(links(own), SPLIT, Peers(oracles=[links(z) for z in others]))
    assert found == pytest.approx(np.mean([procrustes_distance(own, z) for z in others]))
    assert math.isnan(EmbeddingDistance()(links(own), SPLIT, Peers()))
    assert math.isnan(EmbeddingDistance()(links(), SPLIT, Peers(oracles=[links(own)])))
    assert math.isnan(EmbeddingDistance()(links(own), SPLIT, Peers(oracles=[links()])))


def test_the_map_shows_the_same_nodes_for_every_model():
    rng = np.random.default_rng(1)
    detail = EmbeddingMap(nodes=10, touched=4)
    first, second = (detail(links(rng.normal(size=(41, 4))), SPLIT) for _ in range(2))
    assert first["pairs"] == second["pairs"]
    assert first["forgotten"] == second["forgotten"]
    assert len(first["x"]) == len(first["y"]) == len(first["forgotten"])
    assert len(first["pairs"]) == 4
    for a, b in first["pairs"]:
        assert first["forgotten"][a] == first["forgotten"][b] == 1
    assert detail(links(), SPLIT) is None


def test_the_map_of_node_classes_marks_the_forgotten_nodes():
    z = np.random.default_rng(0).normal(size=(41, 4))
    split = replace(SPLIT, pairs=None)
    found = EmbeddingMap(nodes=10)(links(z), split)
    assert sum(found["forgotten"]) == 6
    assert found["pairs"] == []


def test_histograms_are_shares_of_each_group():
    found = ScoreHistograms(bins=8)(links(), SPLIT)
    assert len(found["edges"]) == 9
    for name in ("forget", "retain", "test", "non-edges"):
        assert sum(found[name]) == pytest.approx(1, abs=1e-3)
    assert found["forget"][0] == 1.0  # logits below −2.7
    two = Signals(np.arange(40), np.zeros((40, 2)), np.zeros(40, int))
    assert ScoreHistograms()(two, SPLIT) is None
