"""Membership attacks on edges: how sure an attacker is that a pair was a training edge."""

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.graph import edge_sides, is_links, pair_logits
from mu.evaluation.score import Peers, Score, check_known
from mu.evaluation.signals import Floats, Signals, Split


def mi_ratio(before: ArrayLike, after: ArrayLike, variant: str = "paper") -> float:
    """The MI ratio of forgotten edges.

    Args:
        before: (n,) attacker's probability that each was a training edge, before unlearning.
        after: (n,) the same after unlearning.
        variant: "paper" is the mean of before ÷ after, higher where the attacker lost more;
            "logged" the mean of after ÷ before, which GNNDelete's code prints. They are not
            reciprocals of each other.

    Raises:
        ValueError: An unknown variant, or lengths that differ.

    Example:
        >>> mi_ratio([0.8, 0.6], [0.4, 0.6]), mi_ratio([0.8, 0.6], [0.4, 0.6], "logged")
        (1.5, 0.75)
    """
    first, second = (np.asarray(p, dtype=np.float64).ravel() for p in (before, after))
    if len(first) != len(second):
        raise ValueError(f"{len(first)} probabilities before and {len(second)} after")
    check_known("variant", variant, ("paper", "logged"))
    return float(np.mean(first / second if variant == "paper" else second / first))


def edge_attack(members: ArrayLike, others: ArrayLike, asked: ArrayLike) -> Floats:
    """P(training edge) of logits, by logistic regression on members and unseen edges.

    Both sides weigh the same however many they are.

    Args:
        members: (n,) logits of training edges.
        others: (m,) logits of edges never trained on.
        asked: (k,) logits to judge.

    Returns:
        (k,) probabilities.
    """
    from sklearn.linear_model import LogisticRegression

    sides = [np.asarray(side, dtype=np.float64).ravel() for side in (members, others)]
    x, y = np.concatenate(sides)[:, None], np.repeat([1, 0], [len(side) for side in sides])
    attacker = LogisticRegression(class_weight="balanced").fit(x, y)
    found: Floats = attacker.predict_proba(np.asarray(asked, dtype=np.float64)[:, None])[:, 1]
    return found


class MIRatio(Score):
    """Mean over D_f of P(training edge) before ÷ after unlearning (GNNDelete's MI ratio).

    The attacker sees one number, the pair's logit. It learns on the original's own retained edges
    (members) and validation edges (never trained on), needs no shadow model, and judges the same
    pairs before and after.

    Name: Membership ratio of forgotten edges.
    Formula: mean over D_f of P(training edge) before / P(training edge) after.
    Original: 1: nothing changed.
    Oracle: mostly above 1: an attacker is less sure of edges that were never trained on.
    Members: a member has a *high* logit; more than the oracle means that D_f stands out as removed.
    Source: Cheng et al. 2023 (GNNDelete, arXiv 2302.13406).
    """

    range = (0.0, None)
    family = "attack"
    reads = frozenset({"forget", "retain", "validation"})
    header = "MI ratio"

    def __call__(self, signals: Signals, split: Split, peers: Peers) -> float:
        """The ratio; nan without the original, or for other models than link predictors."""
        first = peers.original
        if first is None or not is_links(signals) or not len(split.forget):
            return float("nan")
        unseen = edge_sides(first, split.validation)[0]
        members = pair_logits(first, split.retain)
        if not len(unseen) or not len(members):
            return float("nan")
        asked = [pair_logits(one, split.forget) for one in (first, signals)]
        found = edge_attack(members, unseen, np.concatenate(asked))
        before, after = np.split(found, 2)
        return mi_ratio(before, after)
