"""Population AUC: how well one feature of the prediction ranks D_f apart from unseen data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mu.evaluation.attacks.features import (
    Pair,
    attack_features,
    log_losses,
    losses_at,
    unseen_alike,
)
from mu.evaluation.ranking import auc
from mu.evaluation.score import OwnShare, check_known
from mu.evaluation.signals import Ids, Signals, Split

AUC_FEATURES = ("confidence", "entropy", "m_entropy")


def loss_auc(forget: Pair, test: Pair) -> float:
    """P(loss on D_t > loss on D_f) + ½ P(equal), the AUC of the per-sample cross-entropy.

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
    return auc(log_losses(*test), log_losses(*forget))


def feature_auc(forget: Pair, test: Pair, features: str = "entropy") -> float:
    """The AUC of another feature than the loss, read in the same direction.

    Above 0.5 D_f looks more like training data than D_t: more confident, of lower entropy.
    `confidence` (p_y) is a decreasing function of the loss and ranks alike; it differs from
    `loss_auc` only where p_y rounds to 1. `entropy` does not look at the label.

    Args:
        forget: (logits, labels) of D_f.
        test: (logits, labels) of D_t.
        features: One of `AUC_FEATURES`, see `attack_features`.

    Returns:
        A value in [0, 1]; nan when a side is empty.

    Raises:
        ValueError: An unknown feature.
    """
    check_known("features", features, AUC_FEATURES)
    if not len(np.asarray(forget[1])) or not len(np.asarray(test[1])):
        return float("nan")
    own, unseen = (attack_features(*side, features) for side in (forget, test))
    return auc(own, unseen) if features == "confidence" else auc(unseen, own)


class LossAUC(OwnShare):
    """`loss_auc` of D_f against the test samples of the classes that occur in D_f.

    One rule for every request: a whole class is compared with unseen samples of that class (else
    the AUC would tell classes apart, not memberships), a random request with nearly all of D_t,
    forgotten edges with unseen edges.

    Name: AUC of the loss.
    Formula: P(loss of an unseen sample > loss of a forgotten one) + ½ P(equal).
    Original: above 0.5 for a random D_f, the more it overfits.
    Oracle: 0.5 for random samples and edges; for chosen ones, and for nodes seen through a graph
        that lacks them, what makes them easier or harder than others.
    Members: a member is taken to have a *low* loss; below 0.5 D_f fits worse than unseen data.
    Source: Yeom et al. 2018 (arXiv 1709.01604).
    """

    family = "attack"
    reads = frozenset({"forget", "test"})
    public: ClassVar[str] = "attack/auc"
    header = "Loss AUC"

    def of(self, signals: Signals, split: Split) -> float:
        """The AUC, in [0, 1]; nan where a side is empty."""
        if not signals.classifies and signals.losses is None:
            return float("nan")
        return self.ranked(signals, split.forget, unseen_alike(signals, split, "forget"))

    def ranked(self, signals: Signals, forget: Ids, unseen: Ids) -> float:
        """`loss_auc`, of the user's own loss where there is one."""
        if not len(forget) or not len(unseen):
            return float("nan")
        return auc(losses_at(signals, unseen), losses_at(signals, forget))


@dataclass(frozen=True)
class FeatureAUC(LossAUC):
    """`feature_auc` of D_f against the same test samples as `LossAUC`.

    Name: AUC of another feature than the loss.
    Formula: as Loss AUC, of the entropy of the prediction, of p_y, or of the modified entropy.
    Original: above 0.5 for a random D_f, the more it overfits.
    Oracle: 0.5 for random samples and edges; for chosen ones, and for nodes seen through a graph
        that lacks them, what makes them easier or harder than others.
    Members: a member is taken to be predicted with more confidence, at lower entropy.
    Source: Salem et al. 2019 (arXiv 1806.01246), Song and Mittal 2021 (arXiv 2003.10595).

    Args:
        features: One of `AUC_FEATURES`.
    """

    words: ClassVar[Mapping[str, Sequence[str]]] = {"features": AUC_FEATURES}
    features: str = "entropy"
    header = "Entropy AUC"

    @property
    def public(self) -> str:  # type: ignore[override]
        return f"attack/auc_{self.features}"

    def ranked(self, signals: Signals, forget: Ids, unseen: Ids) -> float:
        """`feature_auc`; nan where targets are no classes."""
        if not signals.classifies:
            return float("nan")
        return feature_auc(signals.at(forget), signals.at(unseen), self.features)
