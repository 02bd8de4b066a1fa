"""SSD's membership attack: a logistic regression on the entropy of the prediction."""

from dataclasses import dataclass, field

import numpy as np

from mu.evaluation.attacks.features import Pair, attack_features, check_attack, three_sides
from mu.evaluation.score import PROPORTION, OwnScore
from mu.evaluation.signals import Signals, Split


def entropy_mia(retain: Pair, test: Pair, forget: Pair) -> float:
    """The share of D_f that a logistic regression on the entropy calls *member*.

    Members are D_r, non-members D_t, classes weighted to balance, C = 1, no held-out part; Foster
    et al. 2024 (arXiv 2308.07707), after Chundawat et al. 2023. The sign is opposite to
    `svc_mia`'s. Target: the oracle's value, not 0.

    Args:
        retain: (logits, labels) of D_r; the labels are not looked at.
        test: (logits, labels) of D_t.
        forget: (logits, labels) of D_f.

    Returns:
        A share in [0, 1]; nan when D_f is empty.

    Raises:
        ValueError: D_r or D_t is empty.

    Example:
        >>> sure, torn = ([[9.0, 0.0]] * 9, [0] * 9), ([[0.1, 0.0]] * 9, [0] * 9)
        >>> entropy_mia(sure, torn, sure), entropy_mia(sure, torn, torn)
        (1.0, 0.0)
    """
    from sklearn.linear_model import LogisticRegression

    members, others, judged = (attack_features(*s, "entropy") for s in (retain, test, forget))
    if not len(members) or not len(others):
        raise ValueError("the attack needs retained and test samples")
    if not len(judged):
        return float("nan")
    label = np.repeat([1, 0], [len(members), len(others)])
    attacker = LogisticRegression(class_weight="balanced")
    attacker.fit(np.concatenate([members, others]), label)
    return float(attacker.predict(judged).mean())


@dataclass(frozen=True)
class EntropyMIA(OwnScore):
    """`entropy_mia`: the share of D_f called member. It should equal the oracle's value.

    Args:
        variant: `corrected` leaves entirely forgotten classes out of the non-members, as all
            attacks here do; `historical` takes all of D_t, as published.
    """

    range = PROPORTION
    family = "attack"
    reads = frozenset({"forget", "retain", "test"})
    public = "attack/mia_entropy"
    variant: str = "corrected"
    title: str = field(default="LR-MIA", kw_only=True)

    def __post_init__(self) -> None:
        """Refuse an unknown variant."""
        check_attack(variant=self.variant)
        super().__post_init__()

    def of(self, signals: Signals, split: Split) -> float:
        """The share of D_f called member; nan where a side is empty."""
        sides = three_sides(signals, split, all_test=self.variant == "historical")
        return float("nan") if sides is None else entropy_mia(*sides)
