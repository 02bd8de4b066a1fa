"""What a report shows beside the scores: single classes, single samples, where predictions go."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from mu.errors import UsageError
from mu.evaluation.accuracy import accuracy_on, forgotten_classes, of_classes
from mu.evaluation.attacks.features import log_losses, unseen_alike
from mu.evaluation.build import instantiated
from mu.evaluation.score import Peers
from mu.evaluation.signals import Floats, Ids, Signals, Split, as_ids, class_scores, log_softmax

Found = dict[str, Any] | None
ALONE = Peers()
DIGITS = 4  # of shares; the scores beside them keep all


def sample_ids(forget: ArrayLike, count: int = 12) -> Ids:
    """At most `count` of the forgotten ids, sorted: the same for every method of a request.

    The draw depends on the set of ids alone.

    Raises:
        UsageError: ``count`` is below 1.
        ValueError: The ids are no flat list of integers.

    Example:
        >>> sample_ids([7, 3, 5])
        array([3, 5, 7])
        >>> len(sample_ids(range(100), count=4))
        4
    """
    if count < 1:
        raise UsageError(f"count={count} must be at least 1")
    ids = np.unique(as_ids(list(forget) if isinstance(forget, range) else forget, "forget"))
    if len(ids) <= count:
        return ids
    return np.sort(np.random.default_rng(0).choice(ids, size=count, replace=False))


@dataclass(frozen=True)
class Detail(ABC):
    """Part of the details of one model; None where it does not apply.

    `links` says whether it can be asked of link predictors, whose logits are (n, 1).
    """

    links: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, signals: Signals, split: Split, peers: Peers = ALONE) -> Found:
        """Something JSON can hold. Called for classifiers only."""


class OwnDetail(Detail):
    """A detail of the model's own signals: subclasses write `of`."""

    def __call__(self, signals: Signals, split: Split, peers: Peers = ALONE) -> Found:
        """`of(signals, split)`."""
        return self.of(signals, split)

    @abstractmethod
    def of(self, signals: Signals, split: Split) -> Found:
        """Something JSON can hold."""


class PerClass(OwnDetail):
    """Test accuracy of every class, forgotten ones included.

    Returns {"labels": (C,), "test": (C,) accuracies, None for a class without test samples,
    "n": (C,) test samples}.
    """

    def of(self, signals: Signals, split: Split) -> Found:
        labels, counts, accuracies = _labels(signals), [], []
        for label in labels:
            ids = split.test[signals.at(split.test)[1] == label]
            counts.append(len(ids))
            accuracies.append(round(accuracy_on(signals, ids), DIGITS) if len(ids) else None)
        return {"labels": labels, "test": accuracies, "n": counts}


class Destinations(OwnDetail):
    """Which classes forgotten data are taken for: a relabelling method sends them to one.

    Returns {"labels": (C,), "gone": entirely forgotten trained classes, "forget": (C,) share of D_f
    predicted as each class, "test": the same of the test samples of the classes, or sub-classes,
    that are entirely forgotten, None where there are none}.
    """

    def of(self, signals: Signals, split: Split) -> Found:
        classes = forgotten_classes(signals, split)
        gone = of_classes(signals, split, split.test, classes)
        return {
            "labels": _labels(signals),
            "gone": classes.tolist() if split.groups is None else [],
            "forget": _shares(_predicted(signals, split.forget), signals.logits.shape[1]),
            "test": _shares(_predicted(signals, gone), signals.logits.shape[1]),
        }


@dataclass(frozen=True)
class ConfusionMatrix(OwnDetail):
    """Test predictions by true class; None with more than `limit` classes.

    Returns {"labels": (C,), "test": (C, C) rows true, columns predicted; a row sums to 1, or to 0
    for a class without test samples}.

    Args:
        limit: Most classes that a picture can show.
    """

    limit: int = 20

    def of(self, signals: Signals, split: Split) -> Found:
        size = signals.logits.shape[1]
        if size > self.limit:
            return None
        matrix = np.zeros((size, size))
        truth = signals.at(split.test)[1]
        np.add.at(matrix, (truth, _predicted(signals, split.test)), 1.0)
        matrix /= np.maximum(matrix.sum(axis=1, keepdims=True), 1.0)
        return {"labels": _labels(signals), "test": np.round(matrix, DIGITS).tolist()}


@dataclass(frozen=True)
class Samples(OwnDetail):
    """Predictions on a few forgotten samples, `sample_ids`: the same for every method.

    Returns {"ids", "labels", "predicted", "confidence" (probability of the predicted class),
    "label_confidence" (of the true one)}, each (m,).

    Args:
        count: Most samples.
    """

    count: int = 12

    def of(self, signals: Signals, split: Split) -> Found:
        ids = sample_ids(split.forget, self.count)
        logits, labels = signals.at(ids)
        p, rows, predicted = np.exp(log_softmax(logits)), np.arange(len(ids)), logits.argmax(axis=1)
        return {
            "ids": ids.tolist(),
            "labels": labels.tolist(),
            "predicted": predicted.tolist(),
            "confidence": _rounded(p[rows, predicted]),
            "label_confidence": _rounded(p[rows, labels]),
        }


@dataclass(frozen=True)
class ROC(OwnDetail):
    """Operating points of the loss attack: D_f against unseen data of the same classes.

    A sample is called a member when its loss is low. Returns {"fpr": (m,) rates from 0.001 to 1,
    even on a log scale, as far as the number of unseen samples resolves them, "tpr": (m,)}; None
    without unseen data of the classes of D_f.

    Args:
        points: Most operating points.
    """

    points: int = 30

    def of(self, signals: Signals, split: Split) -> Found:
        sides = split.forget, unseen_alike(signals, split, "forget")
        own, unseen = (np.sort(log_losses(*signals.at(ids))) for ids in sides)
        if not len(unseen) or not len(own):
            return None
        rates = np.geomspace(max(1e-3, 1.0 / len(unseen)), 1.0, self.points)
        allowed = np.floor(rates * len(unseen) + 1e-9).astype(np.int64)
        # Below the loss of the first sample that is one too many, whatever its ties.
        limit = np.append(unseen, np.inf)[allowed]
        reached = np.searchsorted(own, limit, side="left") / len(own)
        return {"fpr": _rounded(rates), "tpr": _rounded(reached)}


def detail_values(
    evaluation: Mapping[str, Any], signals: Signals, split: Split, peers: Peers = ALONE
) -> dict[str, dict[str, Any] | None]:
    """The details a panel names, by name, that apply to these signals.

    Raises:
        UsageError: One cannot be made from its configuration.
    """
    built: dict[str, Detail] = instantiated(evaluation.get("details") or {}, "detail")
    if not signals.classifies:
        return {}
    links = signals.logits.shape[1] < 2
    asked = {name: one for name, one in built.items() if one.links or not links}
    return {name: one(signals, split, peers) for name, one in asked.items()}


def _labels(signals: Signals) -> list[int]:
    return list(range(signals.logits.shape[1]))


def _predicted(signals: Signals, ids: Ids) -> Ids:
    predicted: Ids = class_scores(signals.at(ids)[0]).argmax(axis=1)
    return predicted


def _shares(predicted: Ids, size: int) -> list[float] | None:
    if not len(predicted):
        return None
    return _rounded(np.bincount(predicted, minlength=size) / len(predicted))


def _rounded(values: Floats) -> list[float]:
    return [round(float(value), DIGITS) for value in values]
