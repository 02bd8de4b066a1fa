"""Scores over many models against published numbers."""

import numpy as np
import pytest

from mu.evaluation import distance
from mu.evaluation.population import forgetting_quality, klom, margins


def test_margins(golden) -> None:
    for side in ("unlearned", "oracle"):
        found = margins(golden[f"klom/logits_{side}"], golden["klom/labels"])
        np.testing.assert_allclose(found, golden[f"klom/margins_{side}"], atol=1e-9)
    for side in ("unlearned", "retrained"):
        found = margins(golden[f"challenge/logits_{side}"], golden["challenge/labels"])
        np.testing.assert_allclose(found, golden[f"challenge/conf_{side}"], atol=1e-6)
    np.testing.assert_allclose(margins([[2.0], [-1.0]], [1, 0]), [2.0, 1.0])


def test_klom(golden) -> None:
    sides = golden["klom/margins_unlearned"], golden["klom/margins_oracle"]
    found = klom(*sides, variant="historical")
    np.testing.assert_allclose(found, golden["klom/value"], atol=1e-9)
    corrected = klom(*sides)
    assert np.all(corrected >= 0) and not np.allclose(corrected, found)


def test_klom_degenerate() -> None:
    same = np.ones((6, 2))
    np.testing.assert_array_equal(klom(same, same), [0.0, 0.0])
    ramp = np.linspace(-3, 3, 40)[:, None]
    np.testing.assert_allclose(klom(ramp, ramp[::-1]), [0.0], atol=1e-12)
    with pytest.raises(ValueError, match="variant"):
        klom(same, same, variant="new")
    with pytest.raises(ValueError, match="models, samples"):
        klom(same, np.ones((6, 3)))


def test_forgetting_quality(golden) -> None:
    sides = golden["challenge/conf_unlearned"], golden["challenge/conf_retrained"]
    score, epsilons = forgetting_quality(*sides)
    np.testing.assert_allclose(epsilons, golden["challenge/epsilon"], atol=1e-5)
    assert score == pytest.approx(float(golden["challenge/forget_score"]), abs=1e-9)


def test_forgetting_quality_of_separated_sides_is_zero() -> None:
    generator = np.random.default_rng(0)
    sides = generator.normal(size=(2, 16, 3))
    score, epsilons = forgetting_quality(sides[0] + 20, sides[1])
    assert score == 0 and np.all(epsilons == 50)
    with pytest.raises(ValueError, match="3 or more"):
        forgetting_quality(sides[0][:2], sides[1][:2])


def test_scripts_find_them_under_distance() -> None:
    assert distance.klom is klom and distance.margins is margins
    assert distance.forgetting_quality is forgetting_quality
