"""Attackers that learn D_f's losses against unseen ones, on splits of the two sets themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.attacks.features import losses_at, sample_rows, unseen_alike
from mu.evaluation.attacks.interval import IntervalClassifier
from mu.evaluation.score import OwnShare, check_known
from mu.evaluation.signals import Floats, Signals, Split

FORMS = ("logistic", "interval")
SMALLEST = 10  # samples a side, below which a tenth of them cannot be held out


def loss_cross_validation(
    forget_losses: ArrayLike,
    test_losses: ArrayLike,
    form: str = "logistic",
    splits: int = 10,
    seed: int = 0,
    clip: float | None = 100.0,
) -> Floats:
    """The accuracies of an attacker who learns D_f's losses (1) against D_t's (0).

    The attack of the NeurIPS 2023 starting kit, also SCRUB's (which clips the losses): stratified
    shuffle splits, a tenth held out. A logistic regression is monotone in the loss, so it cannot
    see that one side only spreads more than the other; the `interval` form, with two thresholds,
    sees both tails.

    Args:
        forget_losses: (n,) cross-entropies of D_f.
        test_losses: (m,) of D_t; sides should be equally large, or 0.5 is not chance.
        form: `logistic`, or `interval` (see `IntervalClassifier`).
        splits: How many.
        seed: Of the splits.
        clip: Losses are cut to ±clip; None leaves them.

    Returns:
        (splits,) accuracies on the held-out tenth; 0.5 on average where the sides are alike.

    Raises:
        ValueError: An unknown form, or a side too small to hold any of it out.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedShuffleSplit

    check_known("form", form, FORMS)
    sides = [np.asarray(side, dtype=np.float64).ravel() for side in (test_losses, forget_losses)]
    losses, label = np.concatenate(sides), np.repeat([0, 1], [len(side) for side in sides])
    if clip is not None:
        losses = losses.clip(-clip, clip)
    attacker = LogisticRegression() if form == "logistic" else IntervalClassifier()
    folds = StratifiedShuffleSplit(n_splits=splits, random_state=seed)
    x, accuracies = losses[:, None], []
    for seen, held in folds.split(x, label):
        guess = attacker.fit(x[seen], label[seen]).predict(x[held])
        accuracies.append(float(np.mean(guess == label[held])))
    return np.array(accuracies)


@dataclass(frozen=True)
class LossCV(OwnShare):
    """Mean of `loss_cross_validation`, equally many samples a side, drawn with a fixed seed.

    D_f is compared with the test samples of its classes, as in `LossAUC`.

    Name: Cross-validated attack on the loss.
    Formula: mean accuracy, on held-out tenths, of a classifier of losses: D_f against unseen
        samples.
    Original: above 0.5 for a random D_f, the more it overfits.
    Oracle: 0.5 for random samples and edges; for chosen ones, and for nodes seen through a graph
        that lacks them, what makes them easier or harder than others.
    Members: both sides count alike: an accuracy above 0.5 says that they differ, not in which
        direction.
    Source: NeurIPS 2023 unlearning challenge, starting kit; Kurmanji et al. 2023 (SCRUB, arXiv
        2302.09880).

    Args:
        form: `logistic` or `interval`.
        splits: Shuffle splits.
        seed: Of sub-samples and splits; one seed for all models, so that gaps are paired.
        clip: Of the losses.
        limit: Samples a side, None for no bound.
    """

    family = "attack"
    reads = frozenset({"forget", "test"})
    words: ClassVar[Mapping[str, Sequence[str]]] = {"form": FORMS}
    form: str = "logistic"
    splits: int = 10
    seed: int = 0
    clip: float | None = 100.0
    limit: int | None = None
    header = "Loss CV"

    @property
    def public(self) -> str:
        return "attack/loss_cv" if self.form == "logistic" else f"attack/loss_cv_{self.form}"

    def of(self, signals: Signals, split: Split) -> float:
        """The mean accuracy; nan where a side has fewer than ten samples."""
        if not signals.classifies and signals.losses is None:
            return float("nan")
        unseen = unseen_alike(signals, split, "forget")
        size = min(len(split.forget), len(unseen), self.limit or len(unseen))
        if size < SMALLEST:
            return float("nan")
        generator = np.random.default_rng(self.seed)
        own, others = (
            losses_at(signals, ids[sample_rows(len(ids), size, generator)])
            for ids in (split.forget, unseen)
        )
        options = self.form, self.splits, self.seed, self.clip
        return float(loss_cross_validation(own, others, *options).mean())
