"""The SVC attack on one model: does D_f look like training data or like unseen data?

The sister attacks are in `mu.evaluation.attacks`: `entropy` (SSD's), `threshold` (Song & Mittal),
`ranking_attack` (population AUC), `cross_validated` (NeurIPS starting kit, SCRUB).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mu.evaluation.attacks.features import (
    FEATURES,
    VARIANTS,
    Attack,
    Pair,
    attack_features,
    sample_rows,
)
from mu.evaluation.score import check_known
from mu.evaluation.signals import Ids


def _sides(members: int, others: int, variant: str, limit: int | None, seed: int) -> list[Ids]:
    """The rows of retain and of test the attacker is fitted on."""
    if not members or not others:
        raise ValueError("the attack needs retained and test samples")
    if variant == "historical":
        if members < others:
            raise ValueError(
                f"the historical attack takes the first |D_t| = {others} retained samples, "
                f"there are {members}; use variant='corrected'"
            )
        return [np.arange(others), np.arange(others)]
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1 or None, got {limit}")
    size = min(members, others, *([] if limit is None else [limit]))
    generator = np.random.default_rng(seed)
    return [sample_rows(members, size, generator), sample_rows(others, size, generator)]


def svc_mia(
    retain: Pair,
    test: Pair,
    forget: Pair,
    features: str = "confidence",
    variant: str = "corrected",
    limit: int | None = 2000,
    seed: int = 0,
) -> float:
    """The share of D_f that an RBF-SVC attacker calls non-member ("MIA-efficacy").

    The attacker, `SVC(C=3, gamma=1/n_features)`, learns D_r (member) against D_t (non-member);
    Jia et al. 2023 (arXiv 2304.04934). Target: the oracle's value, neither 0 nor 1. Entirely
    forgotten classes should be left out of `test` by the caller, as `SVCMIA` does.

    Args:
        retain: (logits, labels) of D_r.
        test: (logits, labels) of D_t.
        forget: (logits, labels) of D_f.
        features: See `attack_features`.
        variant: `corrected` fits on equally many seeded random samples of both sides, at most
            `limit`; `historical` on the *first* |D_t| of D_r in order and all of D_t (`limit`
            and `seed` unused), with the defective `m_entropy`.
        limit: Samples per side, None for no bound.
        seed: Of the sub-samples.

    Returns:
        A share in [0, 1]; nan when D_f is empty.

    Raises:
        ValueError: D_r or D_t is empty, the historical attack finds |D_r| < |D_t|, or the feature
            or variant is unknown.
    """
    from sklearn.svm import SVC

    check_known("features", features, FEATURES)
    check_known("variant", variant, VARIANTS)
    sides = _sides(len(np.asarray(retain[1])), len(np.asarray(test[1])), variant, limit, seed)
    seen = [
        attack_features(np.asarray(logits)[rows], np.asarray(labels)[rows], features, variant)
        for (logits, labels), rows in zip((retain, test), sides, strict=True)
    ]
    judged = attack_features(*forget, features, variant)
    if not len(judged):
        return float("nan")
    member = np.repeat([1, 0], [len(seen[0]), len(seen[1])])
    attacker = SVC(C=3, kernel="rbf", gamma="auto").fit(np.concatenate(seen), member)
    return float(1.0 - attacker.predict(judged).mean())


@dataclass(frozen=True)
class SVCMIA(Attack):
    """`svc_mia`; non-members are the test samples of classes that are still retained.

    A well-generalising model gives the attack nothing to learn: look at the original's value before
    reading anything from a small gap.

    Name: Membership inference attack by a support vector classifier.
    Formula: share of D_f that an RBF-SVC, fitted on D_r (member) against D_t, calls non-member.
    Original: as on the rest of the training data: low where it fits that well.
    Oracle: as on other unseen data, higher the more it overfits; 1, or nearly, for a whole class.
    Members: the number counts *non-members*, so more means more forgotten.
    Source: Jia et al. 2023 (arXiv 2304.04934), there MIA-efficacy.

    Args:
        features: See `attack_features`.
        variant: See `svc_mia`.
        limit: Samples per side.
        seed: Of the sub-samples; one seed for all models, so that gaps are paired.
    """

    public = "attack/mia"
    words: ClassVar[Mapping[str, Sequence[str]]] = {"features": FEATURES, "variant": VARIANTS}
    features: str = "confidence"
    variant: str = "corrected"
    limit: int | None = 2000
    seed: int = 0
    header = "MIA"

    def judged(self, retain: Pair, test: Pair, forget: Pair) -> float:
        """The share of D_f called non-member."""
        return svc_mia(retain, test, forget, self.features, self.variant, self.limit, self.seed)
