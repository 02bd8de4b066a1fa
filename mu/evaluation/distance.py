"""Distances between the predictions of an unlearned model and of retrained ones (the oracles).

Every distance has an oracle-to-oracle floor, its value between two oracles of different seeds.
`klom` and `forgetting_quality` read the margins of many models a side; no panel has them, they are
for Python users.
"""

import math
from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.score import PROPORTION, PartScore, Peers, check_known, lettered
from mu.evaluation.signals import Floats, Signals, Split, class_scores, log_softmax

BINS, CLIP, FLOOR = 20, 100.0, 1e-5  # KLoM
DELTA, CAP, STEP, REACH = 1e-5, 50.0, 0.01, 2.0  # forgetting quality


def paired_log_softmax(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    """Ln p of two models on the same rows, each (n, C).

    Raises:
        ValueError: Shapes disagree.
    """
    a, b = log_softmax(first), log_softmax(second)
    if a.shape != b.shape:
        raise ValueError(f"logits differ in shape: {np.shape(first)} and {np.shape(second)}")
    return a, b


def _divergence(log_p: Floats, log_q: Floats) -> Floats:
    """KL(p ‖ q) per row, with 0 ln 0 = 0."""
    p = np.exp(log_p)
    with np.errstate(invalid="ignore"):
        terms = np.where(p > 0, p * (log_p - log_q), 0.0)
    # rounding can leave -1e-17 where the truth is 0
    result: Floats = np.maximum(terms.sum(axis=1), 0.0)
    return result


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


def kl(logits_reference: ArrayLike, logits: ArrayLike) -> float:
    """The mean over rows of Σ_c p_r ln(p_r / p_u) in nats, the reference (oracle) first.

    Args:
        logits_reference: (n, C) of the oracle; (n, 1) is read as the columns (0, z).
        logits: Same shape, of the model judged.

    Returns:
        A value >= 0; nan for no rows; inf where the oracle's class has probability exactly 0.

    Raises:
        ValueError: Shapes disagree.

    Example:
        >>> round(kl([[0.0, 0.0]], [[0.0, np.log(3.0)]]), 6)  # ½ ln(½/¼) + ½ ln(½/¾)
        0.143841
    """
    return _mean(_divergence(*paired_log_softmax(logits_reference, logits)))


def js(logits_a: ArrayLike, logits_b: ArrayLike) -> float:
    """The mean Jensen-Shannon divergence in nats, in [0, ln 2]: ½KL(p‖m) + ½KL(q‖m).

    Raises:
        ValueError: Shapes disagree.
    """
    log_p, log_q = paired_log_softmax(logits_a, logits_b)
    log_m = np.logaddexp(log_p, log_q) - np.log(2.0)
    both = 0.5 * _divergence(log_p, log_m) + 0.5 * _divergence(log_q, log_m)
    return _mean(np.minimum(both, np.log(2.0)))


def agreement(logits_a: ArrayLike, logits_b: ArrayLike) -> float:
    """The share of rows on which both models predict the same class.

    Raises:
        ValueError: Shapes disagree.
    """
    a, b = class_scores(logits_a), class_scores(logits_b)
    if a.shape != b.shape:
        raise ValueError(f"logits differ in shape: {np.shape(logits_a)} and {np.shape(logits_b)}")
    return _mean((a.argmax(axis=1) == b.argmax(axis=1)).astype(np.float64))


def activation_distance(logits_a: ArrayLike, logits_b: ArrayLike) -> float:
    """The mean Euclidean distance between the two probability vectors, in [0, √2].

    Raises:
        ValueError: Shapes disagree.
    """
    log_p, log_q = paired_log_softmax(logits_a, logits_b)
    return _mean(np.linalg.norm(np.exp(log_p) - np.exp(log_q), axis=1))


class _ToOracle(PartScore):
    """Mean over the oracles of a function of (oracle's logits, model's logits) on one part.

    Original: far on a class that they do not know, in D_t too; on random samples hardly farther
        than they are from each other, where it fits D_f loosely even nearer.
    Oracle: their distance from each other: the floor that no method need go below; not 0.
    """

    better: ClassVar[str] = "lower"
    range: ClassVar[tuple[float | None, float | None]] = (0.0, None)
    family = "distance"
    classes_only: ClassVar[bool] = True

    def __call__(self, signals: Signals, split: Split, peers: Peers) -> float:
        """The mean over the oracles; nan without any, or for a regression model."""
        ids = split.part(self.part)
        if not peers.oracles or (self.classes_only and not signals.classifies):
            return float("nan")
        logits = signals.at(ids)[0]
        return float(np.mean([self.between(one.at(ids)[0], logits) for one in peers.oracles]))

    @abstractmethod
    def between(self, oracle: Floats, model: Floats) -> float:
        """The distance between the logits of an oracle and of the model."""


class KLToOracle(_ToOracle):
    """Mean `kl` from the oracles to the model (oracle first), in nats.

    Name: Kullback-Leibler divergence from the oracles.
    Formula: mean of Σ_c p_oracle ln(p_oracle / p_model) over samples and oracles, in nats.
    Source: Kullback and Leibler 1951; for unlearning Golatkar et al. 2020 (arXiv 1911.04933).
    """

    titles = lettered("KL")
    stem = "kl"

    def between(self, oracle: Floats, model: Floats) -> float:
        """`kl`."""
        return kl(oracle, model)


class JSToOracle(_ToOracle):
    """Mean `js` between the oracles and the model, in nats.

    Name: Jensen-Shannon divergence from the oracles.
    Formula: mean of ½ KL(p_oracle ‖ m) + ½ KL(p_model ‖ m), m their mean, in nats.
    Source: Lin 1991; for unlearning Chundawat et al. 2023 (arXiv 2205.08096).
    """

    range = (0.0, float(np.log(2.0)))
    stem = "js"
    titles = lettered("JS")

    def between(self, oracle: Floats, model: Floats) -> float:
        """`js`."""
        return js(oracle, model)


class Agreement(_ToOracle):
    """Mean `agreement` of the model's predictions with the oracles'.

    Name: Agreement with the oracles.
    Formula: share of samples for which model and oracle predict the same class.
    Original: less than the oracles among each other on a class that they do not know, in D_t too;
        about as much on random samples and elsewhere.
    Oracle: their agreement with each other: not 1.
    Source: Milani Fard et al. 2016 (its complement, the churn).
    """

    better: ClassVar[str] = "higher"
    range = PROPORTION
    stem = "agreement"
    titles = lettered("Agree")

    def between(self, oracle: Floats, model: Floats) -> float:
        """`agreement`."""
        return agreement(oracle, model)


class ActivationDistance(_ToOracle):
    """Mean `activation_distance` between the model and the oracles.

    Name: Activation distance from the oracles.
    Formula: mean of ‖p_oracle - p_model‖₂ over samples and oracles.
    Source: Golatkar et al. 2021 (arXiv 2012.13431), Chundawat et al. 2023 (arXiv 2205.08096).
    """

    range = (0.0, float(np.sqrt(2.0)))
    stem = "activation"
    titles = lettered("Act. dist")

    def between(self, oracle: Floats, model: Floats) -> float:
        """`activation_distance`."""
        return activation_distance(oracle, model)


class OutputDistance(_ToOracle):
    """Mean Euclidean distance between the outputs of the model and of the oracles, as they are.

    For outputs that are no logits of classes, in the unit of the outputs.

    Name: Distance of the outputs from the oracles'.
    Formula: mean of ‖output of oracle - output of model‖₂ over samples and oracles.
    Source: none: the activation distance without a softmax.
    """

    classes_only = False
    titles = lettered("Out. dist")

    def between(self, oracle: Floats, model: Floats) -> float:
        """The mean of ‖oracle − model‖₂ over samples."""
        return _mean(np.linalg.norm(oracle - model, axis=1))


def margins(logits: ArrayLike, labels: ArrayLike) -> Floats:
    """Z_y - ln Σ_{c≠y} e^{z_c} per sample, the logit-scaled confidence, in float64.

    Args:
        logits: (..., n, C); a last axis of 1 is read as the columns (0, z).
        labels: (n,) integers.

    Returns:
        (..., n).

    Example:
        >>> margins([[2.0, 0.5]], [0]).tolist()
        [1.5]
    """
    raw = np.asarray(logits, dtype=np.float64)
    if raw.ndim < 2:
        raise ValueError(f"logits must be (..., n, C), got shape {raw.shape}")
    flat = class_scores(raw.reshape(-1, raw.shape[-1]))
    own = np.broadcast_to(np.asarray(labels), raw.shape[:-1]).reshape(-1, 1)
    chosen = np.take_along_axis(flat, own, axis=1)[:, 0]
    others = flat.copy()
    np.put_along_axis(others, own, -np.inf, axis=1)
    result: Floats = (chosen - np.logaddexp.reduce(others, axis=1)).reshape(raw.shape[:-1])
    return result


def _models_by_samples(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not len(a) or not len(b):
        raise ValueError(f"need two (models, samples) arrays, got {a.shape} and {b.shape}")
    return a, b


def klom(
    margins_unlearned: ArrayLike, margins_oracle: ArrayLike, variant: str = "corrected"
) -> Floats:
    """Per sample the binned KL(unlearned ‖ oracle) of margins over models (2410.23232).

    Margins are clipped at ±100 and counted in 20 equal bins of the joint range; bins empty for the
    oracle but not for the unlearned models get 1e-5. Two identical distributions do not give 0
    (about 0.35 with 100 models, 3 with 20): report the oracle-against-oracle value beside it.

    Args:
        margins_unlearned: (models, samples), see `margins`.
        margins_oracle: (models, samples).
        variant: `historical` has half-open bins, so that the largest of all margins is dropped;
            `corrected` closes the last bin.

    Returns:
        (samples,) in nats; 0 where all margins of a sample are equal.

    Raises:
        ValueError: An unknown variant or wrong shapes.
    """
    check_known("variant", variant, ("corrected", "historical"))
    unlearned, oracle = _models_by_samples(margins_unlearned, margins_oracle)
    values = [
        _binned_kl(np.clip(u, -CLIP, CLIP), np.clip(o, -CLIP, CLIP), variant == "historical")
        for u, o in zip(unlearned.T, oracle.T, strict=True)
    ]
    return np.array(values)


def _binned_kl(unlearned: Floats, oracle: Floats, half_open: bool) -> float:
    joint = np.concatenate([unlearned, oracle])
    low, high = joint.min(), joint.max()
    if low == high:
        return 0.0
    edges = np.linspace(low, high, BINS + 1)
    sides = [side[side < high] if half_open else side for side in (unlearned, oracle)]
    if not len(sides[0]) or not len(sides[1]):
        return float("nan")
    p, q = (np.histogram(side, edges)[0] / len(side) for side in sides)
    q = np.where((q == 0) & (p > 0), FLOOR, q)
    q = q / q.sum()
    some = p > 0
    return float(np.sum(p[some] * np.log(p[some] / q[some])))


def forgetting_quality(
    conf_unlearned: ArrayLike, conf_retrained: ArrayLike
) -> tuple[float, Floats]:
    """The NeurIPS 2023 challenge's forgetting quality F and its ε per forget sample.

    ε is the strongest of many threshold tests between the two sides, at δ = 1e-5, cut to [0, 50].
    F = mean of 2^-⌊2ε⌋, 0 where ε >= ⌈ln(models - 1)⌉. Two identical distributions score far
    below 1 (about 0.2 with 64 models): report the oracle-against-oracle value beside it.

    Args:
        conf_unlearned: (models, samples) logit-scaled confidences, see `margins`.
        conf_retrained: (models, samples), as many models.

    Returns:
        F in [0, 1] and ε (samples,).

    Raises:
        ValueError: Wrong shapes, or fewer than three models a side.
    """
    unlearned, retrained = _models_by_samples(conf_unlearned, conf_retrained)
    if len(unlearned) != len(retrained) or len(unlearned) < 3:
        raise ValueError(f"need 3 or more models a side: {len(unlearned)}, {len(retrained)}")
    pairs = zip(unlearned.T, retrained.T, strict=True)
    epsilons = np.array([_epsilon(np.sort(u), np.sort(r)) for u, r in pairs])
    top = math.ceil(math.log(len(unlearned) - 1))
    points = np.where(epsilons >= top, 0.0, 2.0 ** -np.floor(2 * epsilons))
    return float(points.mean()), epsilons


def _epsilon(unlearned: Floats, retrained: Floats) -> float:
    """The largest ε of single and double thresholds between two sorted sides."""
    narrow, wide = sorted((unlearned, retrained), key=np.ptp)
    if np.ptp(narrow) < 0.01 * np.ptp(wide):
        return CAP
    low, high = min(narrow[0], wide[0]), max(narrow[-1], wide[-1])
    negative, positive = sorted((unlearned, retrained), key=lambda side: float(np.median(side)))
    grid = np.arange(low, high + STEP, STEP)
    found = _strongest(*(1 - np.searchsorted(s, grid) / len(s) for s in (negative, positive)))
    right = np.arange(low + np.ptp(narrow) - REACH, high + REACH, STEP)[:, None]
    left = right - np.ptp(narrow) + np.arange(-REACH, REACH, STEP)
    return max(found, _strongest(*(_inside(side, left, right) for side in (wide, narrow))))


def _inside(side: Floats, left: Floats, right: Floats) -> Floats:
    """The share of a sorted side that lies in every [left, right]."""
    upto = np.searchsorted(side, right, side="right")
    result: Floats = np.maximum(upto - np.searchsorted(side, left), 0) / len(side)
    return result


def _strongest(false_positive: Floats, true_positive: Floats) -> float:
    """The largest ε of tests with these rates; exactly one error of 0 is no test."""
    fpr, fnr = false_positive, 1 - true_positive
    if np.any((fpr == 0) & (fnr == 0)):
        return CAP
    kept = (fpr > 0) & (fnr > 0)
    fpr, fnr = fpr[kept], fnr[kept]
    if not len(fpr):
        return 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        ways = np.log(1 - DELTA - fpr) - np.log(fnr), np.log(1 - DELTA - fnr) - np.log(fpr)
    return float(np.clip(np.nanmax(np.concatenate([*ways, [0.0]])), 0.0, CAP))
