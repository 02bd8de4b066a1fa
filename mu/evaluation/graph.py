"""Scores for link prediction: how forgotten edges rank among retained and unseen ones."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.ranking import auc, average_precision
from mu.evaluation.score import PROPORTION, OwnScore, Peers, Score
from mu.evaluation.signals import Floats, Ids, Signals, Split

CHUNK = 1 << 16  # pairs scored at once


def pair_scores(z: ArrayLike, edges: ArrayLike) -> Floats:
    """The inner products z_i · z_j, (m,), in float64.

    Args:
        z: (N, d) node embeddings, NumPy array or CPU tensor.
        edges: (2, m) node numbers.

    Raises:
        ValueError: Shapes are wrong or a node number is outside [0, N).
    """
    states, pairs = np.asarray(z, dtype=np.float64), np.asarray(edges)
    if states.ndim != 2 or pairs.ndim != 2 or len(pairs) != 2:
        raise ValueError(f"need z (N, d) and edges (2, m), got {states.shape} and {pairs.shape}")
    if pairs.size and not 0 <= pairs.min() <= pairs.max() < len(states):
        raise ValueError(f"edges name nodes outside [0, {len(states)})")
    pairs = pairs.astype(np.int64)
    parts = [
        (states[pairs[0, start : start + CHUNK]] * states[pairs[1, start : start + CHUNK]]).sum(1)
        for start in range(0, pairs.shape[1], CHUNK)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def separation(
    forget_scores: ArrayLike, retain_scores: ArrayLike, draws: ArrayLike | None = None
) -> tuple[float, float]:
    """(AUC, average precision) of retained scores (label 1) over forgotten ones (label 0).

    Args:
        forget_scores: (n_f,) scores of forgotten edges.
        retain_scores: (n_r,) scores of retained edges.
        draws: (k, m) indices into `retain_scores`; the result is then the mean over draws of the
            value against each draw. None: exact, against all retained edges, which is what the
            AUC over random draws estimates (AP depends on m, so it has no such identity).

    Returns:
        Two values in [0, 1]; nan where a side is empty.

    Raises:
        ValueError: A draw is outside [0, n_r).

    Example:
        >>> separation([0.1, 0.7], [0.5, 0.9])
        (0.75, 0.8333333333333333)
    """
    forget, retain = np.ravel(np.asarray(forget_scores)), np.ravel(np.asarray(retain_scores))
    if draws is None:
        return auc(retain, forget), average_precision(retain, forget)
    chosen = np.atleast_2d(np.asarray(draws))
    if chosen.size and not 0 <= chosen.min() <= chosen.max() < len(retain):
        raise ValueError(f"draws name retained edges outside [0, {len(retain)})")
    pairs = [separation(forget, retain[draw]) for draw in chosen.astype(np.int64)]
    if not pairs:
        return float("nan"), float("nan")
    return float(np.mean([pair[0] for pair in pairs])), float(np.mean([pair[1] for pair in pairs]))


def forget_set_auc(
    z: ArrayLike, forget_edges: ArrayLike, retain_edges: ArrayLike, draws: ArrayLike | None = None
) -> tuple[float, float]:
    """The D_f (AUC, average precision) of GNNDelete (Cheng et al., ICLR 2023).

    Edges are ranked by inner products, not by their sigmoid, whose rounding breaks ties.

    Args:
        z: (N, d) node embeddings, NumPy array or CPU tensor.
        forget_edges: (2, n_f) node numbers, label 0.
        retain_edges: (2, n_r) node numbers, label 1.
        draws: As in `separation`.

    Returns:
        High when forgotten edges rank below retained ones. Target: the oracle's value.

    Raises:
        ValueError: Wrong shapes, or nodes or draws out of range.
    """
    return separation(pair_scores(z, forget_edges), pair_scores(z, retain_edges), draws)


def sigmoid(z: ArrayLike) -> Floats:
    """1 / (1 + e^-z) in float64, without overflow."""
    result: Floats = np.exp(-np.logaddexp(0.0, -np.asarray(z, dtype=np.float64)))
    return result


def is_links(signals: Signals) -> bool:
    """Whether these are signals of a link predictor, or another binary model: (n, 1) logits."""
    return signals.classifies and signals.logits.shape[1] == 1


def _logits(signals: Signals, ids: Ids) -> Floats:
    return signals.at(ids)[0][:, 0]


def edge_sides(signals: Signals, ids: Ids) -> tuple[Floats, Floats]:
    """The logits of the positives and of the negatives among some pairs."""
    logits, targets = signals.at(ids)
    return logits[targets == 1, 0], logits[targets == 0, 0]


@dataclass(frozen=True)
class TestAUC(OwnScore):
    """AUC of test edges over test non-edges (D_t AUC): the utility of a link predictor."""

    __test__ = False
    range = PROPORTION
    family = "utility"
    reads = frozenset({"test"})
    public = "test/auc"
    title: str = field(default="Dt AUC", kw_only=True)
    kind: str = field(default="utility", kw_only=True)

    def of(self, signals: Signals, split: Split) -> float:
        """The AUC, in [0, 1]; nan for other models than link predictors."""
        return auc(*edge_sides(signals, split.test)) if is_links(signals) else float("nan")


@dataclass(frozen=True)
class ValidationAUC(OwnScore):
    """AUC of validation edges over validation non-edges: what a search looks at, not at D_t."""

    range = PROPORTION
    family = "utility"
    reads = frozenset({"validation"})
    title: str = field(default="Dv AUC", kw_only=True)
    kind: str = field(default="utility", kw_only=True)

    def of(self, signals: Signals, split: Split) -> float:
        """The AUC, in [0, 1]; nan for other models than link predictors."""
        return auc(*edge_sides(signals, split.validation)) if is_links(signals) else float("nan")


@dataclass(frozen=True)
class ForgetAUC(OwnScore):
    """AUC of all retained edges over the forgotten ones (D_f AUC), exact instead of sampled.

    Args:
        part: "forget", or "before": everything that earlier requests forgot, which must not rise
            in rank again.
    """

    range = PROPORTION
    family = "forgetting"
    part: str = "forget"
    title: str = field(default="Df AUC", kw_only=True)

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({self.part, "retain"})

    @property
    def public(self) -> str | None:
        return "forget/auc" if self.part == "forget" else None

    def of(self, signals: Signals, split: Split) -> float:
        """The AUC, in [0, 1]; nan for other models, or where nothing was forgotten."""
        gone = split.part(self.part)
        if not is_links(signals) or not len(gone):
            return float("nan")
        return separation(_logits(signals, gone), _logits(signals, split.retain))[0]


@dataclass(frozen=True)
class TestAP(OwnScore):
    """Average precision of test edges over test non-edges (D_t AP)."""

    __test__ = False
    range = PROPORTION
    family = "utility"
    reads = frozenset({"test"})
    title: str = field(default="Dt AP", kw_only=True)
    kind: str = field(default="utility", kw_only=True)

    def of(self, signals: Signals, split: Split) -> float:
        """The precision, in [0, 1]; nan for other models than link predictors."""
        return (
            average_precision(*edge_sides(signals, split.test))
            if is_links(signals)
            else float("nan")
        )


@dataclass(frozen=True)
class ForgetAP(OwnScore):
    """Average precision of retained over forgotten edges (D_f AP), as many of both.

    It depends on how many there are of each, so it is the mean over draws of |D_f| retained edges,
    the same draws for every model of a request.

    Args:
        draws: How many; GNNDelete takes 500.
    """

    range = PROPORTION
    family = "forgetting"
    reads = frozenset({"forget", "retain"})
    draws: int = 500
    title: str = field(default="Df AP", kw_only=True)

    def of(self, signals: Signals, split: Split) -> float:
        """The mean, in [0, 1]; nan for other models than link predictors."""
        count, among = len(split.forget), len(split.retain)
        if not is_links(signals) or not 0 < count <= among:
            return float("nan")
        rng = np.random.default_rng(0)
        draws = np.stack([rng.choice(among, count, replace=False) for _ in range(self.draws)])
        return separation(_logits(signals, split.forget), _logits(signals, split.retain), draws)[1]


@dataclass(frozen=True)
class ForgetTestAUC(OwnScore):
    """AUC of unseen (test) edges over the forgotten ones: are forgotten edges like unseen ones?"""

    range = PROPORTION
    family = "forgetting"
    reads = frozenset({"forget", "test"})
    public = "forget/auc_vs_test"
    title: str = field(default="Df/Dt AUC", kw_only=True)

    def of(self, signals: Signals, split: Split) -> float:
        """The AUC; below 0.5 forgotten edges still score above unseen ones."""
        if not is_links(signals):
            return float("nan")
        return auc(edge_sides(signals, split.test)[0], _logits(signals, split.forget))


@dataclass(frozen=True)
class ForgetProbability(OwnScore):
    """Mean probability given to the forgotten edges."""

    range = PROPORTION
    family = "forgetting"
    reads = frozenset({"forget"})
    public = "forget/probability"
    title: str = field(default="Df prob.", kw_only=True)

    def of(self, signals: Signals, split: Split) -> float:
        """The mean, in [0, 1]; nan for other models than link predictors."""
        if not is_links(signals) or not len(split.forget):
            return float("nan")
        return float(sigmoid(_logits(signals, split.forget)).mean())


@dataclass(frozen=True)
class RetainProbabilityShift(Score):
    """Mean of (probability - the oracle's probability) over the retained edges."""

    range = (-1.0, 1.0)
    family = "utility"
    reads = frozenset({"retain"})
    public = "retain/probability_shift"
    title: str = field(default="Dr shift", kw_only=True)
    kind: str = field(default="utility", kw_only=True)

    def __call__(self, signals: Signals, split: Split, peers: Peers) -> float:
        """The mean over oracles, in [-1, 1]; nan without oracles."""
        if not is_links(signals) or not peers.oracles or not len(split.retain):
            return float("nan")
        own = sigmoid(_logits(signals, split.retain)).mean()
        theirs = [sigmoid(_logits(oracle, split.retain)).mean() for oracle in peers.oracles]
        return float(own - np.mean(theirs))
