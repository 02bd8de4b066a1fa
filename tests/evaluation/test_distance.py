"""Divergences: by hand, by SciPy, and their bounds; scores over many models: published numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax
from scipy.stats import entropy

from mu.evaluation import distance
from mu.evaluation.distance import (
    ActivationDistance,
    Agreement,
    JSToOracle,
    KLToOracle,
    activation_distance,
    agreement,
    forgetting_quality,
    js,
    kl,
    klom,
    margins,
)
from mu.evaluation.score import Peers
from mu.evaluation.signals import Signals

logits = arrays(np.float64, (4, 3), elements=st.floats(-800, 800))


@given(logits, logits)
def test_bounds_and_symmetry(a: np.ndarray, b: np.ndarray) -> None:
    assert kl(a, b) >= 0 and kl(a, a) == 0
    assert 0 <= js(a, b) <= math.log(2)
    assert js(a, b) == pytest.approx(js(b, a), abs=1e-12)
    assert 0 <= activation_distance(a, b) <= math.sqrt(2) + 1e-12
    assert 0 <= agreement(a, b) <= 1 and agreement(a, a) == 1


def test_against_scipy() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 20, 5))
    p, q = softmax(a, axis=1), softmax(b, axis=1)
    assert kl(a, b) == pytest.approx(entropy(p, q, axis=1).mean())
    assert js(a, b) == pytest.approx((jensenshannon(p, q, axis=1) ** 2).mean())
    assert activation_distance(a, b) == pytest.approx(np.linalg.norm(p - q, axis=1).mean())


def test_the_reference_comes_first() -> None:
    """KL(p_r ‖ p_u) with p_r = (1, 0): ln(1 / p_u) however small the other class is."""
    sure, torn = [[900.0, 0.0]], [[0.0, 0.0]]
    assert kl(sure, torn) == pytest.approx(math.log(2))
    assert kl(torn, sure) == pytest.approx(450 - math.log(2))


def test_one_column_equals_its_two_columns() -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 9, 1))
    wide = [np.hstack([np.zeros((9, 1)), z]) for z in (a, b)]
    for function in (kl, js, agreement, activation_distance):
        assert function(a, b) == function(*wide)


def test_masked_classes() -> None:
    masked, spread = [[0.0, -np.inf]], [[0.0, 0.0]]
    assert kl(masked, spread) == pytest.approx(math.log(2))
    assert kl(spread, masked) == math.inf
    assert js(masked, spread) == pytest.approx(js([[0.0, -800.0]], spread))


def test_no_rows_and_wrong_shapes() -> None:
    none = np.zeros((0, 3))
    for function in (kl, js, agreement, activation_distance):
        assert math.isnan(function(none, none))
        with pytest.raises(ValueError, match="shape"):
            function(np.zeros((2, 3)), np.zeros((2, 4)))


@pytest.mark.parametrize(
    ("score", "name"),
    [
        (KLToOracle("forget"), "kl"),
        (JSToOracle("retain"), "js"),
        (Agreement("test"), "agreement"),
        (ActivationDistance("before"), "activation_distance"),
    ],
)
def test_scores_average_the_function_over_the_oracles(score, name, make, split, monkeypatch):
    model, oracles = make(0), [make(1), make(2)]
    ids = split.part(score.part)
    expected = [getattr(distance, name)(o.at(ids)[0], model.at(ids)[0]) for o in oracles]
    assert score(model, split, Peers(oracles)) == pytest.approx(np.mean(expected))
    assert math.isnan(score(model, split, Peers()))

    def fail(*_: object) -> float:
        raise RuntimeError

    monkeypatch.setattr(distance, name, fail)
    with pytest.raises(RuntimeError):
        score(model, split, Peers(oracles))


def test_regression_gives_nan_and_titles_name_the_part(split) -> None:
    regression = Signals(np.arange(100), np.zeros((100, 1)), np.zeros(100))
    assert math.isnan(KLToOracle("forget")(regression, split, Peers([regression])))
    assert (KLToOracle("forget").title, KLToOracle("test").kind) == ("KL f", "utility")


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
