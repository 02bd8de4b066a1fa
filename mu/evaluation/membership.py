"""Population membership attacks on one model: is D_f treated as training data or as unseen data?"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.accuracy import of_classes
from mu.evaluation.ranking import auc
from mu.evaluation.score import OwnScore
from mu.evaluation.signals import Array, Floats, Ids, Signals, Split, class_scores, log_softmax

Pair = tuple[ArrayLike, ArrayLike]  # (logits (n, C) or (n, 1), labels (n,))

FEATURES = ("confidence", "correctness", "entropy", "m_entropy", "prob")
VARIANTS = ("corrected", "historical")
FLOOR = 1e-30  # inside logarithms


def _labels(labels: ArrayLike, rows: int) -> Ids:
    array = np.asarray(labels)
    if array.shape != (rows,) or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"need {rows} integer labels, got {array.dtype}{array.shape}")
    return array.astype(np.int64, copy=False)


def cross_entropy(logits: ArrayLike, labels: ArrayLike) -> Floats:
    """Return -ln p_y per row, (n,), in nats.

    Raises:
        ValueError: if the labels are not n integers.
    """
    log_p = log_softmax(logits)
    result: Floats = -log_p[np.arange(len(log_p)), _labels(labels, len(log_p))]
    return result


def attack_features(
    logits: ArrayLike, labels: ArrayLike, features: str = "confidence", variant: str = "corrected"
) -> Floats:
    """Return what the attacker sees of each sample, (n, 1), or (n, C) for `prob`.

    `correctness` 1[argmax = y]; `confidence` p_y; `entropy` -Σ p ln p; `m_entropy`
    -(1 - p_y) ln p_y - Σ_{i≠y} p_i ln(1 - p_i) (Song & Mittal 2021, eq. 8); `prob` p.
    The historical `m_entropy` is the published file's: for every row
    -Σ_{c among the labels of this call} (1 - p_c) ln p_c - Σ_{other c} p_c ln p_c.

    Raises:
        ValueError: for an unknown feature or variant, or labels that are not n integers.
    """
    if features not in FEATURES or variant not in VARIANTS:
        raise ValueError(f"features: {', '.join(FEATURES)}; variant: {', '.join(VARIANTS)}")
    log_p = log_softmax(logits)
    p, rows, y = np.exp(log_p), np.arange(len(log_p)), _labels(labels, len(log_p))
    floored = np.log(np.maximum(p, FLOOR))
    if features == "prob":
        return p
    if features == "confidence":
        values = p[rows, y]
    elif features == "correctness":
        values = (class_scores(logits).argmax(axis=1) == y).astype(np.float64)
    elif features == "entropy":
        values = -(p * floored).sum(axis=1)
    elif variant == "historical":
        called = np.isin(np.arange(p.shape[1]), y)
        values = -(np.where(called, 1.0 - p, p) * floored).sum(axis=1)
    else:
        at_risk, log_rest = p.copy(), np.log(np.maximum(1.0 - p, FLOOR))
        at_risk[rows, y], log_rest[rows, y] = 1.0 - p[rows, y], floored[rows, y]
        values = -(at_risk * log_rest).sum(axis=1)
    return values[:, None]


def _sample(total: int, size: int, generator: np.random.Generator) -> Ids:
    """Return `size` of `total` row numbers without replacement, in order."""
    if size >= total:
        return np.arange(total)
    return np.sort(generator.choice(total, size=size, replace=False))


def _sides(members: int, others: int, variant: str, limit: int | None, seed: int) -> list[Ids]:
    """Return the rows of retain and of test the attacker is fitted on."""
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
    return [_sample(members, size, generator), _sample(others, size, generator)]


def svc_mia(
    retain: Pair,
    test: Pair,
    forget: Pair,
    features: str = "confidence",
    variant: str = "corrected",
    limit: int | None = 2000,
    seed: int = 0,
) -> float:
    """Return the share of D_f that an RBF-SVC attacker calls non-member ("MIA-efficacy").

    The attacker, `SVC(C=3, gamma=1/n_features)`, learns D_r (member) against D_t (non-member);
    Jia et al. 2023 (arXiv 2304.04934). Target: the oracle's value, neither 0 nor 1. Entirely
    forgotten classes should be left out of `test` by the caller, as `SVCMIA` does.

    Args:
        retain: (logits, labels) of D_r.
        test: (logits, labels) of D_t.
        forget: (logits, labels) of D_f.
        features: see `attack_features`.
        variant: `corrected` fits on equally many seeded random samples of both sides, at most
            `limit`; `historical` on the *first* |D_t| of D_r in order and all of D_t (`limit`
            and `seed` unused), with the defective `m_entropy`.
        limit: samples per side, None for no bound.
        seed: of the sub-samples.

    Returns:
        A share in [0, 1]; nan when D_f is empty.

    Raises:
        ValueError: if D_r or D_t is empty, if the historical attack finds |D_r| < |D_t|, or for
            an unknown feature or variant.
    """
    from sklearn.svm import SVC

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


def loss_auc(forget: Pair, test: Pair) -> float:
    """Return P(loss on D_t > loss on D_f) + ½ P(equal), the AUC of the per-sample cross-entropy.

    Above 0.5: forgotten samples are still fitted better than unseen ones; below 0.5: worse than
    unseen (over-forgetting). 0.5 is the target only for a random D_f; otherwise the oracle's value.

    Args:
        forget: (logits, labels) of D_f.
        test: (logits, labels) of D_t.

    Returns:
        A value in [0, 1]; nan when a side is empty.

    Example:
        >>> loss_auc(([[3.0, 0.0]], [0]), ([[1.0, 0.0], [5.0, 0.0]], [0, 0]))
        0.5
    """
    if not len(np.asarray(forget[1])) or not len(np.asarray(test[1])):
        return float("nan")
    return auc(cross_entropy(*test), cross_entropy(*forget))


def unseen_alike(signals: Signals, split: Split, part: str) -> Ids:
    """Return the test ids whose class occurs in `part`: seen and unseen data of the same classes.

    For `retain` this drops entirely forgotten classes, and on links the negatives (training
    edges are all positive, so an attack would otherwise learn to tell edges from non-edges).
    """
    classes: Array = np.unique(signals.at(split.part(part))[1])
    return of_classes(signals, split.test, classes)


@dataclass(frozen=True)
class SVCMIA(OwnScore):
    """`svc_mia`; non-members are the test samples of classes that are still retained.

    Args:
        features: see `attack_features`.
        variant: see `svc_mia`.
        limit: samples per side.
        seed: of the sub-samples; one seed for all models, so that gaps are paired.
    """

    features: str = "confidence"
    variant: str = "corrected"
    limit: int | None = 2000
    seed: int = 0
    title: str = field(default="MIA", kw_only=True)

    def of(self, signals: Signals, split: Split) -> float:
        """Return the share of D_f called non-member; nan where a side is empty."""
        if not signals.classifies:
            return float("nan")
        unseen = unseen_alike(signals, split, "retain")
        if not len(split.forget) or not len(split.retain) or not len(unseen):
            return float("nan")
        retain, test, forget = map(signals.at, (split.retain, unseen, split.forget))
        return svc_mia(retain, test, forget, self.features, self.variant, self.limit, self.seed)


@dataclass(frozen=True)
class LossAUC(OwnScore):
    """`loss_auc` of D_f against the test samples of the classes that occur in D_f.

    One rule for every request: a whole class is compared with unseen samples of that class (else
    the AUC would tell classes apart, not memberships), a random request with nearly all of D_t,
    forgotten edges with unseen edges.
    """

    title: str = field(default="Loss AUC", kw_only=True)

    def of(self, signals: Signals, split: Split) -> float:
        """Return the AUC, in [0, 1]; nan where a side is empty."""
        if not signals.classifies:
            return float("nan")
        unseen = unseen_alike(signals, split, "forget")
        return loss_auc(signals.at(split.forget), signals.at(unseen))
