"""The concept bottleneck."""

import numpy as np
import pytest
import torch
from concept_case import WORDS, ColourEncoder, squares
from hypothesis import given
from hypothesis import strategies as st

from mu.concepts.ranking import bottleneck, concept_scores, ranking_stability, top_concepts
from mu.errors import UsageError


@pytest.fixture(scope="module")
def scored():
    encoder = ColourEncoder()
    x, y, _ = squares()
    return concept_scores(encoder.images(x), encoder.texts(WORDS)), y.numpy()


def test_scores_are_distances_along_the_vector():
    rng = np.random.default_rng(0)
    e, v, b = rng.normal(size=(5, 4)), rng.normal(size=(3, 4)), rng.normal(size=3)
    found = concept_scores(torch.from_numpy(e), torch.from_numpy(v), torch.from_numpy(b))
    for c in range(3):
        expected = (e @ v[c] + b[c]) / np.sqrt((v[c] ** 2).sum())
        np.testing.assert_allclose(found[:, c], expected, rtol=1e-12)


@given(scale=st.floats(0.1, 10.0))
def test_the_length_of_a_vector_does_not_matter(scale):
    e, v = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -1.0]])
    np.testing.assert_allclose(concept_scores(e, scale * v), concept_scores(e, v), rtol=1e-5)


def test_scores_that_make_no_sense_are_refused():
    with pytest.raises(UsageError, match="vector of concept 1 is zero"):
        concept_scores(torch.ones(1, 2), torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    with pytest.raises(UsageError, match="same space"):
        concept_scores(torch.ones(1, 2), torch.ones(1, 3))


def test_classes_are_recognised_by_their_colour(scored):
    weights = bottleneck(*scored)
    first = [WORDS[c] for c in top_concepts(weights, 1)[:, 0]]
    assert first == ["red", "green", "blue"]


def test_the_units_of_a_score_do_not_matter(scored):
    scores, labels = scored
    scaled = scores * np.array([100.0, 0.01, 1.0, 5.0]) + np.array([3.0, 0.0, -1.0, 0.0])
    np.testing.assert_allclose(bottleneck(scaled, labels), bottleneck(scores, labels), rtol=1e-6)


def test_two_classes_have_opposite_weights(scored):
    scores, labels = scored
    weights = bottleneck(scores[labels < 2], labels[labels < 2])
    assert weights.shape == (2, 4)
    np.testing.assert_array_equal(weights[0], -weights[1])
    assert weights[0, 0] > 0 > weights[0, 1]


def test_the_fit_is_fixed_by_its_seed(scored):
    np.testing.assert_array_equal(bottleneck(*scored, seed=1), bottleneck(*scored, seed=1))
    assert not np.array_equal(bottleneck(*scored, seed=1), bottleneck(*scored, seed=2))


def test_labels_without_samples_are_refused(scored):
    scores, labels = scored
    with pytest.raises(UsageError, match="two or more classes"):
        bottleneck(scores, np.zeros_like(labels))
    with pytest.raises(UsageError, match="not for"):
        bottleneck(scores, labels + 1)


def test_stability_counts_agreement(scored, monkeypatch):
    found = ranking_stability(*scored, k=2)
    assert found.rankings.shape == (3, 3, 2)
    np.testing.assert_array_equal(found.first, 1.0)
    by_seed = {0: [[3.0, 2.0, 1.0]], 1: [[3.0, 1.0, 2.0]], 2: [[1.0, 3.0, 2.0]]}
    monkeypatch.setattr(
        "mu.concepts.ranking.bottleneck", lambda scores, labels, seed: np.array(by_seed[seed])
    )
    found = ranking_stability(*scored, seeds=(0, 1, 2), k=2)
    np.testing.assert_allclose(found.first, [1 / 3])  # columns 0, 0, 1
    np.testing.assert_allclose(found.overlap, [0.5])  # {0, 1}, {0, 2}, {1, 2}
    with pytest.raises(UsageError, match="two or more"):
        ranking_stability(*scored, seeds=(1,))
