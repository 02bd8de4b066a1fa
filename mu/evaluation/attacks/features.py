"""What a membership attacker sees of a sample, and which unseen samples it is compared with."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mu.errors import UsageError
from mu.evaluation.accuracy import of_classes
from mu.evaluation.signals import Array, Floats, Ids, Signals, Split, class_scores, log_softmax

Pair = tuple[ArrayLike, ArrayLike]  # (logits (n, C) or (n, 1), labels (n,))

FEATURES = ("confidence", "correctness", "entropy", "m_entropy", "prob")
VARIANTS = ("corrected", "historical")
FLOOR = 1e-30  # inside logarithms


class UnknownWord(UsageError, ValueError):
    """A wrong word in a configuration, and a wrong value where a script calls the function."""


def _labels(labels: ArrayLike, rows: int) -> Ids:
    array = np.asarray(labels)
    if array.shape != (rows,) or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"need {rows} integer labels, got {array.dtype}{array.shape}")
    return array.astype(np.int64, copy=False)


def check_known(option: str, value: str, known: Sequence[str]) -> None:
    """Refuse a word that is not among the known ones.

    Raises:
        UnknownWord: Naming it and them.
    """
    if value not in known:
        raise UnknownWord(f"{option}={value!r} is not one of {', '.join(known)}")


def log_losses(logits: ArrayLike, labels: ArrayLike) -> Floats:
    """-ln p_y per row, (n,), in nats.

    Raises:
        ValueError: The labels are not n integers.
    """
    log_p = log_softmax(logits)
    result: Floats = -log_p[np.arange(len(log_p)), _labels(labels, len(log_p))]
    return result


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
    check_attack(features=features, variant=variant)
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


def check_attack(features: str = "confidence", variant: str = "corrected") -> None:
    """Refuse an unknown feature or variant.

    Raises:
        UnknownWord: Naming it and the known ones.
    """
    check_known("features", features, FEATURES)
    check_known("variant", variant, VARIANTS)


def unseen_alike(signals: Signals, split: Split, part: str) -> Ids:
    """The test ids whose class occurs in `part`: seen and unseen data of the same classes.

    Classes are those of `Split.classes`: forgotten rockets are compared with unseen rockets, also
    where both are trained as vehicles.

    For `retain` this drops entirely forgotten classes, and on links the negatives (training
    edges are all positive, so an attack would otherwise learn to tell edges from non-edges).
    """
    classes: Array = np.unique(split.classes(signals, split.part(part)))
    return of_classes(signals, split, split.test, classes)


def three_sides(
    signals: Signals, split: Split, all_test: bool = False
) -> tuple[Pair, Pair, Pair] | None:
    """(logits, labels) of D_r, of D_t and of D_f; None where one is empty, or regression.

    D_t without the classes that are retained nowhere, or all of it with `all_test`.
    """
    if not signals.classifies:
        return None
    unseen = split.test if all_test else unseen_alike(signals, split, "retain")
    if not len(split.retain) or not len(unseen) or not len(split.forget):
        return None
    return signals.at(split.retain), signals.at(unseen), signals.at(split.forget)


def sample_rows(total: int, size: int, generator: np.random.Generator) -> Ids:
    """`size` of `total` row numbers without replacement, in order; all if there are less."""
    if size >= total:
        return np.arange(total)
    return np.sort(generator.choice(total, size=size, replace=False))
