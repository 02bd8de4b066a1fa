"""What a membership attacker sees of a sample, and which unseen samples it is compared with."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.accuracy import of_classes
from mu.evaluation.score import OwnShare, check_known
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


def log_losses(logits: ArrayLike, labels: ArrayLike) -> Floats:
    """-ln p_y per row, (n,), in nats.

    Raises:
        ValueError: The labels are not n integers.
    """
    log_p = log_softmax(logits)
    result: Floats = -log_p[np.arange(len(log_p)), _labels(labels, len(log_p))]
    return result


def losses_at(signals: Signals, ids: Ids) -> Floats:
    """(m,) losses of some samples: of the user's own loss where there is one, else cross-entropy.

    Nan where the targets are no classes and no loss was kept.
    """
    if signals.losses is not None:
        result: Floats = signals.losses[signals.rows(ids)].astype(np.float64)
        return result
    if not signals.classifies:
        return np.full(len(ids), np.nan)
    return log_losses(*signals.at(ids))


def attack_features(
    logits: ArrayLike, labels: ArrayLike, features: str = "confidence", variant: str = "corrected"
) -> Floats:
    """What the attacker sees of each sample, (n, 1), or (n, C) for `prob`.

    `correctness` 1[argmax = y]; `confidence` p_y; `entropy` -Σ p ln p; `m_entropy`
    -(1 - p_y) ln p_y - Σ_{i≠y} p_i ln(1 - p_i) (Song & Mittal 2021, eq. 8); `prob` p.
    The historical `m_entropy` is the published file's: for every row
    -Σ_{c among the labels of this call} (1 - p_c) ln p_c - Σ_{other c} p_c ln p_c.

    Raises:
        ValueError: An unknown feature or variant, or labels that are not n integers.
    """
    check_known("features", features, FEATURES)
    check_known("variant", variant, VARIANTS)
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


def unseen_alike(signals: Signals, split: Split, part: str) -> Ids:
    """The test ids whose class occurs in `part`: seen and unseen data of the same classes.

    Classes are those of `Split.classes`: forgotten rockets are compared with unseen rockets, also
    where both are trained as vehicles. Where targets are no classes it is all of the test set.

    For `retain` this drops entirely forgotten classes, and on links the negatives (training
    edges are all positive, so an attack would otherwise learn to tell edges from non-edges).
    """
    if not signals.classifies:
        return split.test
    classes: Array = np.unique(split.classes(signals, split.part(part)))
    return of_classes(signals, split, split.test, classes)


def sample_rows(total: int, size: int, generator: np.random.Generator) -> Ids:
    """`size` of `total` row numbers without replacement, in order; all if there are less."""
    if size >= total:
        return np.arange(total)
    return np.sort(generator.choice(total, size=size, replace=False))


class Attack(OwnShare):
    """An attack that learns D_r against D_t and judges D_f: subclasses write `judged`.

    D_t without the classes that are retained nowhere, or all of it with `all_test`.
    """

    family = "attack"
    reads = frozenset({"forget", "retain", "test"})
    all_test: ClassVar[bool] = False

    def of(self, signals: Signals, split: Split) -> float:
        """The share of D_f; nan where a side is empty, or for a regression model."""
        if not signals.classifies:
            return float("nan")
        unseen = split.test if self.all_test else unseen_alike(signals, split, "retain")
        sides = split.retain, unseen, split.forget
        if not all(map(len, sides)):
            return float("nan")
        return self.judged(*map(signals.at, sides))

    def counted(self, signals: Signals, split: Split) -> int:
        return len(split.forget)

    @abstractmethod
    def judged(self, retain: Pair, test: Pair, forget: Pair) -> float:
        """The share of D_f called member or non-member, from (logits, labels) of each part."""
