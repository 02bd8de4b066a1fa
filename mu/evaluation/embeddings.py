"""Node embeddings of a model and of its oracles: how far apart, and a picture of them."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from mu.evaluation.details.detail import Found, OwnDetail
from mu.evaluation.score import Peers, Score
from mu.evaluation.signals import Signals, Split


def procrustes_distance(a: ArrayLike, b: ArrayLike) -> float:
    r"""The distance of two embeddings that no rotation or reflection makes smaller.

    .. math:: \min_Q \|A Q - B\|_F / \|B\|_F

    Inner products, hence link probabilities, do not change under an orthogonal Q, nor where zeros
    are added to the narrower embedding.

    Args:
        a: (N, d) embeddings.
        b: (N, d') embeddings of the same nodes by another model.

    Raises:
        ValueError: They are not of the same number of nodes.

    Example:
        >>> a = np.array([[1.0, 0.0], [0.0, 2.0]])
        >>> round(procrustes_distance(a, a[:, ::-1]), 6)
        0.0
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if len(x) != len(y):
        raise ValueError(f"embeddings of shapes {x.shape} and {y.shape} cannot be compared")
    overlap = np.linalg.svd(x.T @ y, compute_uv=False).sum()
    squared = (x**2).sum() + (y**2).sum() - 2 * overlap
    return float(np.sqrt(max(squared, 0.0)) / max(np.sqrt((y**2).sum()), 1e-30))


@dataclass(frozen=True)
class EmbeddingDistance(Score):
    """Mean `procrustes_distance` of the embeddings of all nodes to the oracles'.

    Name: Procrustes distance of the embeddings from the oracles'.
    Formula: min over orthogonal Q of ‖Z_model Q - Z_oracle‖_F / ‖Z_oracle‖_F, mean over the
        oracles.
    Original: about the oracles' distance from each other: their seeds differ.
    Oracle: their distance from each other: not 0.
    Source: Schönemann 1966.
    """

    better: ClassVar[str] = "lower"
    range = (0.0, None)
    family = "distance"
    reads: ClassVar[frozenset[str]] = frozenset()  # embeddings of all nodes
    header = "Emb. dist"
    kind: str = field(default="utility", kw_only=True)

    def __call__(self, signals: Signals, split: Split, peers: Peers) -> float:
        """The mean over oracles; nan where embeddings were not kept."""
        own, theirs = signals.embeddings, [oracle.embeddings for oracle in peers.oracles]
        if own is None or not theirs or any(one is None for one in theirs):
            return float("nan")
        return float(np.mean([procrustes_distance(own, one) for one in theirs if one is not None]))


@dataclass(frozen=True)
class EmbeddingMap(OwnDetail):
    """Where a few nodes lie on the two main axes of the model's own embeddings.

    Returns {"x", "y": (m,) places, "forgotten": (m,) 1 for a node that the request touches,
    "pairs": forgotten edges among them as places in the lists}. The nodes are the same for every
    model of a request.

    Args:
        nodes: Most nodes that are not touched.
        touched: Most forgotten samples that are shown.
    """

    links: ClassVar[bool] = True
    nodes: int = 150
    touched: int = 40

    def of(self, signals: Signals, split: Split) -> Found:
        z = signals.embeddings
        if z is None or not len(split.forget):
            return None
        rng = np.random.default_rng(0)
        some = rng.permutation(split.forget)[: self.touched]
        pairs = some[:, None] if split.pairs is None else split.pairs[some]
        others = np.setdiff1d(rng.permutation(len(z))[: self.nodes], pairs)
        shown = np.concatenate([others, np.unique(pairs)])
        centred = z - z.mean(0)
        axes = np.linalg.svd(centred.T @ centred)[0][:, :2]
        axes = axes * np.sign(axes[np.abs(axes).argmax(0), [0, 1]])
        where = np.round(centred[shown] @ axes, 2).tolist()
        place = {int(node): i for i, node in enumerate(shown)}
        linked = [] if split.pairs is None else [[place[int(n)] for n in p] for p in pairs]
        touched = [0] * len(others) + [1] * (len(shown) - len(others))
        xs, ys = ([row[axis] for row in where] for axis in (0, 1))
        return {"x": xs, "y": ys, "forgotten": touched, "pairs": linked}
