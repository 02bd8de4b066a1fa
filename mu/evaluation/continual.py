"""Scores of continual forgetting: test accuracy by when a class was forgotten, and H."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mu.evaluation.accuracy import (
    GONE,
    AccuracyOnSome,
    TestAccuracy,
    forgotten_classes,
    of_classes,
)
from mu.evaluation.score import PROPORTION, Peers, Score
from mu.evaluation.signals import Array, Ids, Signals, Split


def h_mean(retain_acc: float, drop: float) -> float:
    r"""Harmonic mean of the accuracy kept and the accuracy lost on what is forgotten.

    .. math:: H = \frac{2 \, \mathrm{Acc}_r \, \mathrm{Drop}}{\mathrm{Acc}_r + \mathrm{Drop}}

    (GS-LoRA, arXiv 2403.11530, section 4.) Zero where nothing was lost, or the accuracy rose.

    Args:
        retain_acc: Accuracy on what stays, in any unit.
        drop: Accuracy before minus after on what goes, in the same unit.

    Example:
        >>> round(h_mean(74.16, 74.65), 2), h_mean(0.7, -0.1)
        (74.4, 0.0)
    """
    if not (drop > 0 and retain_acc > 0):
        return 0.0
    return 2 * retain_acc * drop / (retain_acc + drop)


class AccuracyKept(TestAccuracy):
    """Acc_r: test accuracy on the classes that stay, one of three beside Acc_f and Acc_o.

    Name: Accuracy on the classes that stay.
    Source: GS-LoRA (arXiv 2403.11530).
    """

    public = None
    header = "Acc_r"


@dataclass(frozen=True)
class ClassesForgotten(AccuracyOnSome):
    """Test accuracy on the classes that left with this request, or with an earlier one.

    Name: Accuracy on the classes that left.
    Formula: share of the test samples of these classes that are classified rightly.
    Original: about its accuracy on other test samples.
    Oracle: 0, or nearly: no sample told it what these classes are.
    Source: GS-LoRA (arXiv 2403.11530).

    Args:
        when: "now" (Acc_f) or "earlier" (Acc_o). Only classes of which nothing is retained count.
    """

    family = "forgetting"
    reads = GONE | {"test"}
    words: ClassVar[Mapping[str, Sequence[str]]] = {"when": ("now", "earlier")}
    when: str = "now"

    def classes(self, signals: Signals, split: Split) -> Array:
        """The classes that left then."""
        gone = forgotten_classes(signals, split)
        now = np.intersect1d(gone, split.classes(signals, split.forget))
        return now if self.when == "now" else np.setdiff1d(gone, now)

    def asked(self, signals: Signals, split: Split) -> Ids:
        return of_classes(signals, split, split.test, self.classes(signals, split))


@dataclass(frozen=True)
class ClassesNamed(AccuracyOnSome):
    """Test accuracy on some classes by their numbers: Acc_m of those that were never replayed.

    Name: Accuracy on classes that were not replayed.
    Formula: share of the test samples of the classes `labels` that are classified rightly.
    Original: about its accuracy on other test samples.
    Oracle: the same: these classes are retained.
    Source: GS-LoRA (arXiv 2403.11530).

    Args:
        labels: Their numbers; none, no value.
    """

    family = "utility"
    reads = frozenset({"test"})
    labels: Sequence[int] = ()
    header = "Acc_m"

    def asked(self, signals: Signals, split: Split) -> Ids:
        named = np.asarray(self.labels, dtype=int)
        return of_classes(signals, split, split.test, named)


class HMean(Score):
    """H on test samples, against the original: published code compares with the model before.

    More than the oracle's value can mean that what is forgotten is avoided.

    Name: Harmonic mean of accuracy kept and accuracy lost.
    Formula: 2 Acc_r Drop / (Acc_r + Drop); Drop: the original's Acc_f minus the model's.
    Original: 0: it lost nothing.
    Oracle: between its Acc_r and the original's Acc_f, all of which it lost.
    Source: GS-LoRA (arXiv 2403.11530), section 4.
    """

    range = PROPORTION
    family = "forgetting"
    reads = GONE | {"test"}
    header = "H"

    def __call__(self, signals: Signals, split: Split, peers: Peers) -> float:
        """H, in [0, 1]; nan without an original or where no class left."""
        left = ClassesForgotten()
        if peers.original is None or not len(left.classes(signals, split)):
            return float("nan")
        drop = left.of(peers.original, split) - left.of(signals, split)
        return h_mean(TestAccuracy().of(signals, split), drop)
