"""Threshold attacks (Song & Mittal 2021; Salem et al. 2019): one threshold per class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.attacks.features import Attack, Pair, attack_features
from mu.evaluation.score import check_known
from mu.evaluation.signals import Floats

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
class ThresholdMIA(Attack):
    """`threshold_mia`: the share of D_f called non-member.

    Non-members are the test samples of classes that are still retained; a class forgotten as a
    whole is judged by the threshold of all retained classes together.

    Name: Membership inference attack by a threshold per class.
    Formula: share of D_f below its class's threshold, chosen on D_r (member) against D_t.
    Original: as on the rest of the training data: low where it fits that well.
    Oracle: as on other unseen data; 1, or nearly, for a whole class.
    Members: the number counts *non-members*, so more means more forgotten.
    Source: Song and Mittal 2021 (arXiv 2003.10595), Salem et al. 2019 (arXiv 1806.01246).

    Args:
        features: One of `THRESHOLD_FEATURES`.
    """

    public = "attack/mia_threshold"
    words: ClassVar[Mapping[str, Sequence[str]]] = {"features": THRESHOLD_FEATURES}
    features: str = "m_entropy"
    header = "Thr. MIA"

    def judged(self, retain: Pair, test: Pair, forget: Pair) -> float:
        """The share of D_f called non-member."""
        return threshold_mia(retain, test, forget, self.features)
