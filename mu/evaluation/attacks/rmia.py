"""RMIA: is a sample likelier under the model than under models that never saw it?"""

from math import floor

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.attacks.features import log_losses, unseen_alike
from mu.evaluation.ranking import auc
from mu.evaluation.score import PROPORTION, Peers, Score
from mu.evaluation.signals import Floats, Ids, Signals, Split

RATE = 0.01  # of false positives at which the rate of hits is read


def likelihood_ratios(log_p: ArrayLike, log_references: ArrayLike) -> Floats:
    r"""How much likelier each sample is under the model than under the references, (n,).

    .. math:: \ell(x) = \ln p_y(x; \theta) - \ln \tfrac1k \textstyle\sum_j p_y(x; o_j)

    The ratio of Zarifzadeh et al. 2024 (arXiv 2312.03262), offline: references that were all
    trained without x.

    Args:
        log_p: (n,) log-probabilities of the labels under the model.
        log_references: (k, n) the same under each reference.

    Returns:
        ℓ in nats; 0 where neither gives the label any probability.

    Raises:
        ValueError: No reference, or shapes disagree.

    Example:
        >>> likelihood_ratios(np.log([0.6, 0.1]), np.log([[0.2, 0.1], [0.4, 0.1]])).round(6)
        array([0.693147, 0.      ])
    """
    own, others = np.asarray(log_p, np.float64), np.asarray(log_references, np.float64)
    if others.ndim != 2 or not len(others) or others.shape[1:] != own.shape:
        raise ValueError(f"need log p (n,) and (k, n), got {own.shape} and {others.shape}")
    mean = np.logaddexp.reduce(others, axis=0) - np.log(len(others))
    with np.errstate(invalid="ignore"):
        result: Floats = np.where(own == mean, 0.0, own - mean)
    return result


def tpr(forget: ArrayLike, unseen: ArrayLike, rate: float = RATE) -> float:
    """The share of forgotten samples above nearly all unseen ones.

    ⌊rate · m⌋ of m unseen samples may lie above the threshold, and at least one: fewer false
    positives than one sample no attack can be held to.

    Args:
        forget: (n,) values of D_f, high for members.
        unseen: (m,) values of unseen samples.
        rate: Of false positives.

    Returns:
        A share in [0, 1]; nan without forgotten samples, or with a single unseen one.

    Example:
        >>> tpr([3.0, 1.5, 1.0], [2.0, 1.0, 0.0])  # the 2.0 may lie above
        0.6666666666666666
    """
    own, others = np.asarray(forget, np.float64), np.sort(np.asarray(unseen, np.float64))
    allowed = max(1, floor(rate * len(others) + 1e-9))
    if not len(own) or len(others) <= allowed:
        return float("nan")
    return float(np.mean(own > others[-(allowed + 1)]))


class RMIA(Score):
    """AUC of the likelihood ratio on D_f against unseen samples of the same classes.

    The references are the oracles: none saw D_f, so the ratio takes out how hard a sample is, and
    what is left is what the model alone knows. A model is held against each set of all oracles but
    one, and the values are averaged; an oracle against the others. On links the unseen samples are
    test edges, and p is the probability of the link.

    Name: Robust membership inference attack.
    Formula: AUC of ln p_y(x; model) - ln mean p_y(x; references), forgotten against unseen x.
    Original: above 0.5 for a random D_f: likelier under it than under models that never saw it;
        about 0.5 for a whole class, whose test samples it knows as well.
    Oracle: 0.5 for a random D_f, and about that for others.
    Members: a member is *likelier* under the model than under the references; more means less
        forgotten.
    Source: Zarifzadeh et al. 2024 (arXiv 2312.03262), offline.
    """

    family = "attack"
    reads = frozenset({"forget", "test"})
    references = True
    range = PROPORTION
    public = "attack/rmia"
    header = "RMIA"

    def __call__(self, signals: Signals, split: Split, peers: Peers) -> float:
        """The mean; nan for fewer than two oracles, nobody unseen, or a regression model."""
        sets = reference_sets(len(peers.oracles), peers.left_out)
        if not sets or not signals.classifies:
            return float("nan")
        forget, unseen = split.forget, unseen_alike(signals, split, "forget")
        if not len(forget) or not len(unseen):
            return float("nan")
        log_p = np.stack([log_likelihoods(one, forget, unseen) for one in peers.oracles])
        own, values = log_likelihoods(signals, forget, unseen), []
        for places in sets:
            sides = np.split(likelihood_ratios(own, log_p[places]), [len(forget)])
            values.append(self.ranked(*sides))
        return float(np.mean(values))

    def ranked(self, forget: Floats, unseen: Floats) -> float:
        """`auc`."""
        return auc(forget, unseen)


class RMIATPR(RMIA):
    """Share of D_f that `RMIA` finds at 1 % false positives, or at one where there are fewer.

    Name: Share found by RMIA at 1 % false positives.
    Formula: share of D_f whose ratio exceeds that of all but 1 % of the unseen samples.
    Original: above 0.01: some of D_f is surely recognised.
    Oracle: about 0.01 for a random D_f and many unseen samples; with few of them, as those of one
        class, anything: only its distance to the original's says something.
    Source: Carlini et al. 2022 (arXiv 2112.03570) for the rate, Zarifzadeh et al. 2024 for the
        ratio.
    """

    public = "attack/rmia_tpr"
    header = "TPR 1 %"

    def ranked(self, forget: Floats, unseen: Floats) -> float:
        """`tpr`."""
        return tpr(forget, unseen)

    def counted(self, signals: Signals, split: Split) -> int:
        return len(split.forget)


def reference_sets(oracles: int, left_out: bool) -> list[list[int]]:
    """Numbers of the oracles that a model is held against: as many as an oracle has others.

    Args:
        oracles: How many there are.
        left_out: Whether the model is an oracle itself, and not among them.

    Example:
        >>> reference_sets(3, left_out=False), reference_sets(2, left_out=True)
        ([[1, 2], [0, 2], [0, 1]], [[0, 1]])
    """
    every = list(range(oracles))
    if left_out:
        return [every] if every else []
    return [[*every[:i], *every[i + 1 :]] for i in every] if oracles > 1 else []


def log_likelihoods(signals: Signals, *sides: Ids) -> Floats:
    """(n,) log-probabilities of the labels of some ids."""
    return -log_losses(*signals.at(np.concatenate(sides)))
