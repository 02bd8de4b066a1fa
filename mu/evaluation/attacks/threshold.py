"""Threshold attacks (Song & Mittal 2021; Salem et al. 2019): one threshold per class."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.attacks.features import Pair, attack_features, check_known, three_sides
from mu.evaluation.score import PROPORTION, OwnScore
from mu.evaluation.signals import Floats, Signals, Split

THRESHOLD_FEATURES = ("correctness", "confidence", "entropy", "m_entropy")


def best_threshold(members: ArrayLike, others: ArrayLike) -> float:
    """The value t at which "member if value >= t" has the best balanced accuracy.

    Only observed values are tried; of equally good ones the smallest is taken, so that the order of
    samples does not matter.

    Raises:
        ValueError: A side is empty.

    Example:
        >>> best_threshold([0.9, 0.8, 0.3], [0.5, 0.2])
        0.8
    """
    high, low = np.sort(np.ravel(members)), np.sort(np.ravel(others))
    if not len(high) or not len(low):
        raise ValueError("a threshold needs values of both sides")
    tried = np.unique(np.concatenate([high, low]))
    found = 1 - np.searchsorted(high, tried) / len(high)
    rejected = np.searchsorted(low, tried) / len(low)
    return float(tried[np.argmax(np.round(found + rejected, 12))])


def class_thresholds(
    members: tuple[Floats, ArrayLike], others: tuple[Floats, ArrayLike], classes: ArrayLike
) -> Floats:
    """The best threshold of every one of `classes`, (len(classes),).

    A class that one side lacks (a forgotten one, say) gets the threshold of all samples together.

    Args:
        members: (values (n,), labels (n,)).
        others: (values (m,), labels (m,)).
        classes: Labels to find thresholds for.
    """
    pooled = best_threshold(members[0], others[0])
    found = []
    for label in np.asarray(classes):
        sides = [values[np.asarray(labels) == label] for values, labels in (members, others)]
        found.append(best_threshold(*sides) if all(map(len, sides)) else pooled)
    return np.array(found)


def threshold_mia(retain: Pair, test: Pair, forget: Pair, features: str = "m_entropy") -> float:
    """The share of D_f that the class-wise threshold attack calls *non-member*.

    Thresholds are chosen on D_r (members) against D_t; entropies enter with a minus sign, so that a
    member is at or above its class's threshold. `correctness` needs no threshold: a sample
    predicted rightly is called member, which makes the value UA. Target: the oracle's value.

    Args:
        retain: (logits, labels) of D_r.
        test: (logits, labels) of D_t.
        forget: (logits, labels) of D_f.
        features: One of `THRESHOLD_FEATURES`, see `attack_features`.

    Returns:
        A share in [0, 1]; nan when D_f is empty.

    Raises:
        ValueError: D_r or D_t is empty, or the feature is unknown.
    """
    check_known("features", features, THRESHOLD_FEATURES)
    sign = -1.0 if features.endswith("entropy") else 1.0
    seen, unseen, judged = (
        sign * attack_features(*side, features)[:, 0] for side in (retain, test, forget)
    )
    if not len(judged):
        return float("nan")
    if features == "correctness":
        return float(np.mean(judged < 1))
    classes, place = np.unique(np.asarray(forget[1]), return_inverse=True)
    levels = class_thresholds((seen, retain[1]), (unseen, test[1]), classes)
    return float(np.mean(judged < levels[place]))


@dataclass(frozen=True)
class ThresholdMIA(OwnScore):
    """`threshold_mia`: the share of D_f called non-member. It should equal the oracle's value.

    Non-members are the test samples of classes that are still retained; a class forgotten as a
    whole is judged by the threshold of all retained classes together.

    Args:
        features: One of `THRESHOLD_FEATURES`.
    """

    range = PROPORTION
    family = "attack"
    reads = frozenset({"forget", "retain", "test"})
    public = "attack/mia_threshold"
    features: str = "m_entropy"
    title: str = field(default="Thr. MIA", kw_only=True)

    def __post_init__(self) -> None:
        """Refuse an unknown feature."""
        check_known("features", self.features, THRESHOLD_FEATURES)
        super().__post_init__()

    def of(self, signals: Signals, split: Split) -> float:
        """The share of D_f called non-member; nan where a side is empty."""
        sides = three_sides(signals, split)
        return float("nan") if sides is None else threshold_mia(*sides, self.features)
