"""Scores over many unlearned and many retrained models: KLoM and the NeurIPS 2023 score."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.signals import Floats, class_scores

BINS, CLIP, FLOOR = 20, 100.0, 1e-5  # KLoM
DELTA, CAP, STEP, REACH = 1e-5, 50.0, 0.01, 2.0  # forgetting quality


def margins(logits: ArrayLike, labels: ArrayLike) -> Floats:
    """Return z_y - ln Σ_{c≠y} e^{z_c} per sample, the logit-scaled confidence, in float64.

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
    """Return per sample the binned KL(unlearned ‖ oracle) of margins over models (2410.23232).

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
        ValueError: for an unknown variant or wrong shapes.
    """
    if variant not in ("corrected", "historical"):
        raise ValueError(f"variant must be corrected or historical, got {variant!r}")
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
    """Return the NeurIPS 2023 challenge's forgetting quality F and its ε per forget sample.

    ε is the strongest of many threshold tests between the two sides, at δ = 1e-5, cut to [0, 50].
    F = mean of 2^-⌊2ε⌋, 0 where ε >= ⌈ln(models - 1)⌉. Two identical distributions score far
    below 1 (about 0.2 with 64 models): report the oracle-against-oracle value beside it.

    Args:
        conf_unlearned: (models, samples) logit-scaled confidences, see `margins`.
        conf_retrained: (models, samples), as many models.

    Returns:
        F in [0, 1] and ε (samples,).

    Raises:
        ValueError: for wrong shapes, or fewer than three models a side.
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
    """Return the largest ε of single and double thresholds between two sorted sides."""
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
    """Return the share of a sorted side that lies in every [left, right]."""
    upto = np.searchsorted(side, right, side="right")
    result: Floats = np.maximum(upto - np.searchsorted(side, left), 0) / len(side)
    return result


def _strongest(false_positive: Floats, true_positive: Floats) -> float:
    """Return the largest ε of tests with these rates; exactly one error of 0 is no test."""
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
