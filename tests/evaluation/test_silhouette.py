"""Whether the trunk keeps a forgotten class together."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mu.evaluation.signals import Signals, Split
from mu.evaluation.silhouette import Silhouette, silhouette

LABELS = np.repeat(np.arange(3), 20)
IDS = np.arange(len(LABELS))


def trunk(seed: int = 0, apart: float = 3.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return apart * np.eye(3)[LABELS] @ rng.normal(size=(3, 5)) + rng.normal(size=(60, 5))


def split(gone: int = 2, groups: np.ndarray | None = None) -> Split:
    classes = LABELS if groups is None else groups
    return Split(IDS[classes == gone], [], IDS[classes != gone], [], [], groups=groups)


def signals(features: np.ndarray | None, seed: int = 0) -> Signals:
    logits = np.random.default_rng(seed).normal(size=(60, 3))
    return Signals(IDS, logits, LABELS, features=features)


def test_by_hand() -> None:
    """Two features on one line, means (1, 0) and (4, 0): deviations √2.5 and 0.

    Of the class at 0 and 2: a = 1 and 1, b = 16 and 4, each over 2.5 and so alike in the ratio.
    """
    features = [[0.0, 7.0], [2.0, 7.0], [4.0, 7.0], [4.0, 7.0]]
    expected = ((16 - 1) / 16 + (4 - 1) / 4) / 2
    assert silhouette(features, [5, 5, 6, 6], [5]) == pytest.approx(expected)
    assert silhouette(features, [5, 5, 6, 6], [6]) == pytest.approx(1.0)
    both = silhouette(features, [5, 5, 6, 6], [5, 6])
    assert both == pytest.approx((expected + 1) / 2), "the mean over classes"


def test_the_nearest_other_class_counts_and_scattering_is_seen() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2])
    features = np.array([[0.0], [2.0], [3.0], [5.0], [100.0], [100.0]])
    expected = np.mean([(16 - 1) / 16, (4 - 1) / 4])
    assert silhouette(features, labels, [0]) == pytest.approx(expected)
    assert silhouette(np.zeros((6, 1)), labels, [0]) == 0
    torn = np.array([[-5.0], [5.0], [1.0], [1.0], [2.0], [2.0]])
    assert silhouette(torn, labels, [0]) < 0


@given(st.integers(0, 99), st.floats(10, 1e4), st.floats(-100, 100))
def test_neither_scale_nor_place_of_features_matters(seed, scale, shift) -> None:
    z = 100 * trunk(seed)  # deviations far above the .001
    scales = scale ** np.linspace(0, 1, 5)
    one, other = (silhouette(x, LABELS, [2]) for x in (z, z * scales + shift))
    assert one == pytest.approx(other, abs=1e-3)
    order = np.random.default_rng(seed).permutation(60)
    assert silhouette(z[order], LABELS[order], [2]) == pytest.approx(one)
    assert -1 <= one <= 1


def test_the_head_does_not_enter() -> None:
    score, z = Silhouette(), trunk()
    assert score.of(signals(z, 0), split()) == score.of(signals(z, 1), split())
    assert score.of(signals(z), split()) == silhouette(z, LABELS, [2]) > 0.5


def test_a_trunk_that_knows_the_class_lies_above_one_that_does_not() -> None:
    known = trunk()
    blind = np.where((LABELS == 2)[:, None], np.random.default_rng(9).normal(size=(60, 5)), known)
    assert Silhouette().of(signals(known), split()) > Silhouette().of(signals(blind), split()) + 0.1


def test_classes_are_those_the_request_tells_apart() -> None:
    groups = LABELS * 2 + IDS % 2
    found = Silhouette().of(signals(trunk()), split(gone=4, groups=groups))
    assert found == pytest.approx(silhouette(trunk(), groups, [4]))


def test_where_it_does_not_apply() -> None:
    score, some = Silhouette(), Split(IDS[50:], [], IDS[:50], [], [])
    assert math.isnan(score.of(signals(trunk()), some)), "the class is retained, too"
    assert math.isnan(score.of(signals(None), split()))
    broken = trunk()
    broken[3] = np.inf
    assert math.isnan(score.of(signals(broken), split()))
    assert math.isnan(silhouette(trunk(), np.zeros(60), [0])), "there is no other class"
    with pytest.raises(ValueError, match="need features"):
        silhouette(trunk(), LABELS[:3], [2])
