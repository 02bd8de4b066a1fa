"""SSD's membership attack: a logistic regression on the entropy of the prediction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mu.evaluation.attacks.features import VARIANTS, Attack, Pair, attack_features


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
class EntropyMIA(Attack):
    """`entropy_mia`: the share of D_f called member.

    Name: Membership inference attack by logistic regression on the entropy.
    Formula: share of D_f that the regression, fitted on entropies of D_r (member) against D_t,
        calls member.
    Original: as on the rest of the training data: high where it is surer of that than of unseen
        data.
    Oracle: as on other unseen data, mostly not 0; less for a whole class, of which it is unsure.
    Members: the number counts *members*, so more means less forgotten: the opposite of MIA.
    Source: Foster et al. 2024 (SSD, arXiv 2308.07707), after Chundawat et al. 2023 (arXiv
        2205.08096).

    Args:
        variant: `corrected` leaves entirely forgotten classes out of the non-members, as all
            attacks here do; `historical` takes all of D_t, as published.
    """

    public = "attack/mia_entropy"
    words: ClassVar[Mapping[str, Sequence[str]]] = {"variant": VARIANTS}
    variant: str = "corrected"
    header = "LR-MIA"

    @property
    def all_test(self) -> bool:  # type: ignore[override]
        return self.variant == "historical"

    def judged(self, retain: Pair, test: Pair, forget: Pair) -> float:
        """The share of D_f called member."""
        return entropy_mia(retain, test, forget)
