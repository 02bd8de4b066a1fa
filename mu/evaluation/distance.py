"""Distances between the predictions of an unlearned model and of retrained ones (the oracles).

Every distance has an oracle-to-oracle floor, its value between two oracles of different seeds.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.population import forgetting_quality, klom, margins
from mu.evaluation.score import PROPORTION, PartScore, Peers
from mu.evaluation.signals import Floats, Signals, Split, class_scores, log_softmax

__all__ = [
    "ActivationDistance",
    "Agreement",
    "JSToOracle",
    "KLToOracle",
    "activation_distance",
    "agreement",
    "forgetting_quality",
    "js",
    "kl",
    "klom",
    "margins",
]


def log_probabilities(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    """Return ln p of two models on the same rows, each (n, C).

    Raises:
        ValueError: if shapes disagree.
    """
    a, b = log_softmax(first), log_softmax(second)
    if a.shape != b.shape:
        raise ValueError(f"logits differ in shape: {np.shape(first)} and {np.shape(second)}")
    return a, b


def _divergence(log_p: Floats, log_q: Floats) -> Floats:
    """Return KL(p ‖ q) per row, with 0 ln 0 = 0."""
    p = np.exp(log_p)
    with np.errstate(invalid="ignore"):
        terms = np.where(p > 0, p * (log_p - log_q), 0.0)
    # rounding can leave -1e-17 where the truth is 0
    result: Floats = np.maximum(terms.sum(axis=1), 0.0)
    return result


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


def kl(logits_reference: ArrayLike, logits: ArrayLike) -> float:
    """Return the mean over rows of Σ_c p_r ln(p_r / p_u) in nats, the reference (oracle) first.

    Args:
        logits_reference: (n, C) of the oracle; (n, 1) is read as the columns (0, z).
        logits: same shape, of the model judged.

    Returns:
        A value >= 0; nan for no rows; inf where the oracle's class has probability exactly 0.

    Raises:
        ValueError: if shapes disagree.

    Example:
        >>> round(kl([[0.0, 0.0]], [[0.0, np.log(3.0)]]), 6)  # ½ ln(½/¼) + ½ ln(½/¾)
        0.143841
    """
    return _mean(_divergence(*log_probabilities(logits_reference, logits)))


def js(logits_a: ArrayLike, logits_b: ArrayLike) -> float:
    """Return the mean Jensen-Shannon divergence in nats, in [0, ln 2]: ½KL(p‖m) + ½KL(q‖m).

    Raises:
        ValueError: if shapes disagree.
    """
    log_p, log_q = log_probabilities(logits_a, logits_b)
    log_m = np.logaddexp(log_p, log_q) - np.log(2.0)
    both = 0.5 * _divergence(log_p, log_m) + 0.5 * _divergence(log_q, log_m)
    return _mean(np.minimum(both, np.log(2.0)))


def agreement(logits_a: ArrayLike, logits_b: ArrayLike) -> float:
    """Return the share of rows on which both models predict the same class.

    Raises:
        ValueError: if shapes disagree.
    """
    a, b = class_scores(logits_a), class_scores(logits_b)
    if a.shape != b.shape:
        raise ValueError(f"logits differ in shape: {np.shape(logits_a)} and {np.shape(logits_b)}")
    return _mean((a.argmax(axis=1) == b.argmax(axis=1)).astype(np.float64))


def activation_distance(logits_a: ArrayLike, logits_b: ArrayLike) -> float:
    """Return the mean Euclidean distance between the two probability vectors, in [0, √2].

    Raises:
        ValueError: if shapes disagree.
    """
    log_p, log_q = log_probabilities(logits_a, logits_b)
    return _mean(np.linalg.norm(np.exp(log_p) - np.exp(log_q), axis=1))


@dataclass(frozen=True)
class _ToOracle(PartScore):
    """Mean over the oracles of a function of (oracle's logits, model's logits) on one part.

    It should equal the oracles' distance from each other (the oracle's own value), not 0.
    """

    better: ClassVar[str] = "lower"
    range: ClassVar[tuple[float | None, float | None]] = (0.0, None)
    family = "distance"

    def __call__(self, signals: Signals, split: Split, peers: Peers) -> float:
        """Return the mean over the oracles; nan without any, or for a regression model."""
        ids = split.part(self.part)
        if not peers.oracles or not signals.classifies:
            return float("nan")
        logits = signals.at(ids)[0]
        return float(np.mean([self.between(one.at(ids)[0], logits) for one in peers.oracles]))

    @abstractmethod
    def between(self, oracle: Floats, model: Floats) -> float:
        """Return the distance between the logits of an oracle and of the model."""


def _named(short: str) -> Mapping[str, str]:
    letters = {"forget": "f", "before": "b", "retain": "r", "validation": "v", "test": "t"}
    return {part: f"{short} {letter}" for part, letter in letters.items()}


@dataclass(frozen=True)
class KLToOracle(_ToOracle):
    """Mean `kl` from the oracles to the model (oracle first), in nats."""

    titles: ClassVar[Mapping[str, str]] = _named("KL")
    stem = "kl"

    def between(self, oracle: Floats, model: Floats) -> float:
        """Return `kl`."""
        return kl(oracle, model)


@dataclass(frozen=True)
class JSToOracle(_ToOracle):
    """Mean `js` between the oracles and the model, in nats."""

    range = (0.0, float(np.log(2.0)))
    stem = "js"
    titles: ClassVar[Mapping[str, str]] = _named("JS")

    def between(self, oracle: Floats, model: Floats) -> float:
        """Return `js`."""
        return js(oracle, model)


@dataclass(frozen=True)
class Agreement(_ToOracle):
    """Mean `agreement` of the model's predictions with the oracles'."""

    better: ClassVar[str] = "higher"
    range = PROPORTION
    stem = "agreement"
    titles: ClassVar[Mapping[str, str]] = _named("Agree")

    def between(self, oracle: Floats, model: Floats) -> float:
        """Return `agreement`."""
        return agreement(oracle, model)


@dataclass(frozen=True)
class ActivationDistance(_ToOracle):
    """Mean `activation_distance` between the model and the oracles."""

    range = (0.0, float(np.sqrt(2.0)))
    stem = "activation"
    titles: ClassVar[Mapping[str, str]] = _named("Act. dist")

    def between(self, oracle: Floats, model: Floats) -> float:
        """Return `activation_distance`."""
        return activation_distance(oracle, model)
