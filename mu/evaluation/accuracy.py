"""Accuracies, pooled over samples, with entirely forgotten classes kept apart."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.score import PROPORTION, OwnShare, PartScore, Peers
from mu.evaluation.signals import Array, Ids, Signals, Split

GONE = frozenset({"forget", "before", "retain"})  # what `forgotten_classes` reads


def accuracy(logits: ArrayLike, labels: ArrayLike) -> float:
    """The share of rows whose largest logit is that of the label; nan for no rows.

    Args:
        logits: (n, C), or (n, 1) where class 1 is predicted when z > 0. Ties go to the lowest
            class.
        labels: (n,) integers.

    Raises:
        ValueError: Shapes disagree or the labels are floating point.

    Example:
        >>> accuracy([[2.0, 1.0], [0.0, 3.0]], [0, 0])
        0.5
        >>> accuracy([[0.3], [-2.0]], [1, 1])
        0.5
    """
    scores, truth = np.asarray(logits), np.asarray(labels)
    if scores.ndim != 2 or truth.shape != scores.shape[:1]:
        raise ValueError(f"need logits (n, C) and labels (n,): {scores.shape}, {truth.shape}")
    if not len(truth):
        return float("nan")
    if np.issubdtype(truth.dtype, np.floating):
        raise ValueError("accuracy needs integer labels, got floating point targets")
    predicted = scores[:, 0] > 0 if scores.shape[1] == 1 else scores.argmax(axis=1)
    return float(np.mean(predicted == truth))


def accuracy_on(signals: Signals, ids: Ids) -> float:
    """The accuracy on `ids`; nan for none of them or for a regression model."""
    return accuracy(*signals.at(ids)) if signals.classifies else float("nan")


def forgotten_classes(signals: Signals, split: Split) -> Array:
    """The sorted classes that were forgotten at some request and are retained nowhere.

    Classes are those of `Split.classes`: a forgotten sub-class counts as one.
    """
    gone = split.classes(signals, np.concatenate([split.forget, split.before]))
    return np.setdiff1d(gone, split.classes(signals, split.retain))


def of_classes(signals: Signals, split: Split, ids: Ids, classes: Array, keep: bool = True) -> Ids:
    """Those of `ids` whose class is in `classes` (`keep=False`: is not).

    Classes are those of `Split.classes`.
    """
    return ids[np.isin(split.classes(signals, ids), classes, invert=not keep)]


class Accuracy(PartScore):
    """Accuracy on one part of the split (retain: RA).

    On "before", everything that earlier requests forgot, it must not come back.

    Name: Accuracy.
    Formula: share of the samples whose largest logit is that of the label.
    Original: what its training reached: more on data it was trained on than on others.
    Oracle: about as the original on D_r and on unseen data, more where classes left; on what was
        forgotten, its accuracy on unseen data, 0 for a whole class.
    Source: Jia et al. 2023 (arXiv 2304.04934), Fan et al. 2024 (SalUn, arXiv 2310.12508).
    """

    range = PROPORTION
    stem = "accuracy"
    titles: ClassVar[Mapping[str, str]] = {
        "forget": "FA",
        "before": "BA",
        "retain": "RA",
        "validation": "VA",
        "test": "TA all",
    }

    def __call__(self, signals: Signals, split: Split, peers: Peers) -> float:
        """The accuracy, in [0, 1]; nan for an empty part."""
        return accuracy_on(signals, split.part(self.part))

    def counted(self, signals: Signals, split: Split) -> int:
        return len(split.part(self.part))


class UnlearningAccuracy(OwnShare):
    """1 - accuracy on the forgotten training data; above the oracle is over-forgetting.

    Name: Unlearning accuracy.
    Formula: 1 - (share of D_f that is classified rightly).
    Original: about 1 - RA: it was trained on D_f; near 0 where training fits its data.
    Oracle: its error on data it never saw: about 1 - TA for random samples, near 1 for a whole
        class.
    Source: Jia et al. 2023 (arXiv 2304.04934), Fan et al. 2024 (SalUn, arXiv 2310.12508).
    """

    family = "forgetting"
    reads = frozenset({"forget"})
    public = "forget/accuracy"
    complement = True
    header = "UA"

    def of(self, signals: Signals, split: Split) -> float:
        """The error on D_f, in [0, 1]."""
        return 1.0 - accuracy_on(signals, split.forget)

    def counted(self, signals: Signals, split: Split) -> int:
        return len(split.forget)


class AccuracyOnSome(OwnShare):
    """Accuracy on the samples that `asked` names."""

    @abstractmethod
    def asked(self, signals: Signals, split: Split) -> Ids:
        """Whom it is taken over."""

    def of(self, signals: Signals, split: Split) -> float:
        """The accuracy, in [0, 1]; nan for nobody."""
        return accuracy_on(signals, self.asked(signals, split))

    def counted(self, signals: Signals, split: Split) -> int:
        return len(self.asked(signals, split))


class TestAccuracy(AccuracyOnSome):
    """Accuracy on test samples, entirely forgotten classes left out.

    Keeping them in would hide a loss of utility of up to 1/C. It should equal the oracle's value.

    Name: Test accuracy.
    Formula: share of the test samples, of classes not entirely forgotten, that are classified
        rightly.
    Original: what its training reached.
    Oracle: nearly the same: a little less where much is forgotten, more where classes left.
    Source: Jia et al. 2023 (arXiv 2304.04934), Fan et al. 2024 (SalUn, arXiv 2310.12508).
    """

    family = "utility"
    reads = GONE | {"test"}
    public: ClassVar[str | None] = "test/accuracy"
    __test__: ClassVar[bool] = False
    header = "TA"

    def asked(self, signals: Signals, split: Split) -> Ids:
        gone = forgotten_classes(signals, split)
        return of_classes(signals, split, split.test, gone, keep=False)


class ForgottenClassAccuracy(AccuracyOnSome):
    """Accuracy on the test samples of the classes that were forgotten entirely.

    Name: Test accuracy on forgotten classes.
    Formula: share of the test samples of entirely forgotten classes that are classified rightly.
    Original: about its accuracy on other test samples.
    Oracle: 0, or nearly: no sample told it what these classes are; more for a subclass, which its
        siblings stand for; no value where no class left.
    Source: Fan et al. 2024 (SalUn, arXiv 2310.12508), class-wise forgetting.
    """

    family = "forgetting"
    reads = GONE | {"test"}
    public = "test/accuracy_forgotten"
    header = "TA forgotten"

    def asked(self, signals: Signals, split: Split) -> Ids:
        return of_classes(signals, split, split.test, forgotten_classes(signals, split))
