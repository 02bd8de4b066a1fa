"""Scores for link prediction: how forgotten edges rank among retained and unseen ones."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.ranking import auc, average_precision
from mu.evaluation.score import OwnShare, Peers, Score
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


def pair_logits(signals: Signals, ids: Ids) -> Floats:
    """(m,) logits of some pairs."""
    return signals.at(ids)[0][:, 0]


def edge_sides(signals: Signals, ids: Ids) -> tuple[Floats, Floats]:
    """The logits of the positives and of the negatives among some pairs."""
    logits, targets = signals.at(ids)
    return logits[targets == 1, 0], logits[targets == 0, 0]


class LinkScore(OwnShare):
    """A share read off a link predictor; nan for other models. Subclasses write `of_links`."""

    def of(self, signals: Signals, split: Split) -> float:
        """`of_links(signals, split)`, in [0, 1]; nan for other models than link predictors."""
        return self.of_links(signals, split) if is_links(signals) else float("nan")

    @abstractmethod
    def of_links(self, signals: Signals, split: Split) -> float:
        """The value for the link predictor behind `signals`."""


class TestAUC(LinkScore):
    """AUC of test edges over test non-edges (D_t AUC): the utility of a link predictor.

    Name: AUC on test edges.
    Formula: P(logit of a test edge > that of a non-edge) + ½ P(equal).
    Original: what its training reached; 0.5 is chance.
    Oracle: nearly the same.
    Source: Cheng et al. 2023 (GNNDelete, arXiv 2302.13406).
    """

    __test__ = False
    family = "utility"
    reads = frozenset({"test"})
    public = "test/auc"
    header = "Dt AUC"

    def of_links(self, signals: Signals, split: Split) -> float:
        """The AUC."""
        return auc(*edge_sides(signals, split.test))


class ValidationAUC(LinkScore):
    """AUC of validation edges over validation non-edges: what a search looks at, not at D_t.

    Name: AUC on validation edges.
    Formula: P(logit of a validation edge > that of a non-edge) + ½ P(equal).
    Original: what its training reached; 0.5 is chance.
    Oracle: nearly the same.
    Source: Cheng et al. 2023 (GNNDelete, arXiv 2302.13406), there on test edges.
    """

    family = "utility"
    reads = frozenset({"validation"})
    header = "Dv AUC"

    def of_links(self, signals: Signals, split: Split) -> float:
        """The AUC."""
        return auc(*edge_sides(signals, split.validation))


@dataclass(frozen=True)
class ForgetAUC(LinkScore):
    """AUC of all retained edges over the forgotten ones (D_f AUC), exact instead of sampled.

    Name: AUC of retained over forgotten edges.
    Formula: P(logit of a retained edge > that of a forgotten one) + ½ P(equal).
    Original: about 0.5 for random edges: it was trained on both.
    Oracle: above 0.5 for random edges, how much depends on how well it predicts unseen ones; for
        chosen ones what makes them easier or harder, anything from 0 to 1.
    Source: Cheng et al. 2023 (GNNDelete, arXiv 2302.13406).

    Args:
        part: "forget", or "before": everything that earlier requests forgot, which must not rise
            in rank again.
    """

    family = "forgetting"
    part: str = "forget"
    header = "Df AUC"

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({self.part, "retain"})

    @property
    def public(self) -> str | None:
        return "forget/auc" if self.part == "forget" else None

    def of_links(self, signals: Signals, split: Split) -> float:
        """The AUC; nan where nothing was forgotten."""
        gone = pair_logits(signals, split.part(self.part))
        return separation(gone, pair_logits(signals, split.retain))[0]


class TestAP(LinkScore):
    """Average precision of test edges over test non-edges (D_t AP).

    Name: Average precision on test edges.
    Formula: area under precision over recall, test edges against as many non-edges.
    Original: what its training reached; 0.5 is chance.
    Oracle: nearly the same.
    Source: Cheng et al. 2023 (GNNDelete, arXiv 2302.13406).
    """

    __test__ = False
    family = "utility"
    reads = frozenset({"test"})
    header = "Dt AP"

    def of_links(self, signals: Signals, split: Split) -> float:
        """The precision."""
        return average_precision(*edge_sides(signals, split.test))


@dataclass(frozen=True)
class ForgetAP(LinkScore):
    """Average precision of retained over forgotten edges (D_f AP), as many of both.

    It depends on how many there are of each, so it is the mean over draws of |D_f| retained edges,
    the same draws for every model of a request.

    Name: Average precision of retained over forgotten edges.
    Formula: area under precision over recall, as many retained as forgotten edges, mean over draws.
    Original: about 0.5 for random edges: it was trained on both.
    Oracle: above 0.5 for random edges, how much depends on how well it predicts unseen ones; for
        chosen ones what makes them easier or harder, anything from 0 to 1.
    Source: Cheng et al. 2023 (GNNDelete, arXiv 2302.13406).

    Args:
        draws: How many; GNNDelete takes 500.
    """

    family = "forgetting"
    reads = frozenset({"forget", "retain"})
    draws: int = 500
    header = "Df AP"

    def of_links(self, signals: Signals, split: Split) -> float:
        """The mean; nan where nothing was forgotten, or more than is retained."""
        count, among = len(split.forget), len(split.retain)
        if not 0 < count <= among:
            return float("nan")
        rng = np.random.default_rng(0)
        draws = np.stack([rng.choice(among, count, replace=False) for _ in range(self.draws)])
        gone, kept = pair_logits(signals, split.forget), pair_logits(signals, split.retain)
        return separation(gone, kept, draws)[1]


class ForgetTestAUC(LinkScore):
    """AUC of unseen (test) edges over the forgotten ones: are forgotten edges like unseen ones?

    Name: AUC of unseen over forgotten edges.
    Formula: P(logit of a test edge > that of a forgotten one) + ½ P(equal).
    Original: below the oracle's: it fits forgotten edges better than unseen ones.
    Oracle: 0.5 for random edges: both are unseen; for chosen ones what makes them easier or harder.
    Source: none: Df AUC with unseen in place of retained edges.
    """

    family = "forgetting"
    reads = frozenset({"forget", "test"})
    public = "forget/auc_vs_test"
    header = "Df/Dt AUC"

    def of_links(self, signals: Signals, split: Split) -> float:
        """The AUC; below 0.5 forgotten edges still score above unseen ones."""
        return auc(edge_sides(signals, split.test)[0], pair_logits(signals, split.forget))


class ForgetProbability(LinkScore):
    """Mean probability given to the forgotten edges.

    Name: Probability of the forgotten edges.
    Formula: mean of sigmoid(logit) over D_f.
    Original: near that of other training edges.
    Oracle: that of unseen edges: lower, and mostly still above ½.
    Source: Cheng et al. 2023 (GNNDelete, arXiv 2302.13406), there as histograms.
    """

    family = "forgetting"
    reads = frozenset({"forget"})
    public = "forget/probability"
    header = "Df prob."

    def of_links(self, signals: Signals, split: Split) -> float:
        """The mean; nan where nothing was forgotten."""
        found = sigmoid(pair_logits(signals, split.forget))
        return float(found.mean()) if len(found) else float("nan")


class RetainProbabilityShift(Score):
    """Mean of (probability - the oracle's probability) over the retained edges.

    Name: Shift of the probability of retained edges.
    Formula: mean of p_model - p_oracle over D_r and the oracles.
    Original: about 0.
    Oracle: 0, but for the seeds.
    Source: none: the signed change of the mean of sigmoid(logit).
    """

    range = (-1.0, 1.0)
    family = "utility"
    reads = frozenset({"retain"})
    public = "retain/probability_shift"
    header = "Dr shift"

    def __call__(self, signals: Signals, split: Split, peers: Peers) -> float:
        """The mean over oracles, in [-1, 1]; nan without oracles."""
        if not is_links(signals) or not peers.oracles or not len(split.retain):
            return float("nan")
        own = sigmoid(pair_logits(signals, split.retain)).mean()
        theirs = [sigmoid(pair_logits(oracle, split.retain)).mean() for oracle in peers.oracles]
        return float(own - np.mean(theirs))
