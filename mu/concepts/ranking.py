"""The concept bottleneck: which words a class is recognised by, and how sure that ranking is."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mu.errors import UsageError

SEED = 42  # as published


def concept_scores(
    images: Tensor, vectors: Tensor, intercepts: Tensor | float = 0.0
) -> NDArray[np.float64]:
    r"""How much of each concept is in each image.

    .. math:: s_c(x) = \frac{\langle e(x), v_c \rangle + b_c}{\lVert v_c \rVert}

    Args:
        images: (n, d) embeddings e.
        vectors: (k, d) concept vectors v, no row zero.
        intercepts: (k,) b, zero for vectors of words.

    Returns:
        (n, k) scores.

    Raises:
        UsageError: Widths differ, or a vector is zero.

    Example:
        >>> import torch
        >>> concept_scores(torch.tensor([[3.0, 4.0]]), torch.tensor([[2.0, 0.0], [0.0, 5.0]]))
        array([[3., 4.]])
    """
    if images.shape[1] != vectors.shape[1]:
        raise UsageError(
            f"images are embedded in {images.shape[1]} numbers and words in {vectors.shape[1]}; "
            "both need the same space"
        )
    lengths = vectors.double().norm(dim=1)
    if not (lengths > 0).all():
        raise UsageError(f"the vector of concept {int(lengths.argmin())} is zero")
    found = (images.double() @ vectors.double().T + intercepts) / lengths
    return np.asarray(found)


def bottleneck(
    scores: NDArray[Any],
    labels: NDArray[Any],
    seed: int = SEED,
    strength: float = 1e-5,
    l1_share: float = 0.99,
    passes: int = 10_000,
) -> NDArray[np.float64]:
    """Weight of every concept for every class: elastic-net logistic regression on the scores.

    Scores are standardised, since otherwise weights of concepts with different spreads cannot be
    compared. The model ranks concepts; it is never what is unlearned.

    Args:
        scores: (n, k) of `concept_scores`.
        labels: (n,) classes 0 … C − 1, each with a sample.
        seed: Order of the samples.
        strength: Of the penalty.
        l1_share: Share of ℓ1 in it.
        passes: At most.

    Returns:
        (C, k) weights M.

    Raises:
        UsageError: Fewer than two classes, or a class without a sample.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import SGDClassifier
    from sklearn.preprocessing import StandardScaler

    known = np.unique(labels)
    if len(known) < 2 or not np.array_equal(known, np.arange(len(known))):
        raise UsageError(
            f"concepts are ranked for two or more classes 0 … C − 1 with samples of each, "
            f"not for {known.tolist()}"
        )
    model = SGDClassifier(
        loss="log_loss",
        penalty="elasticnet",
        alpha=strength,
        l1_ratio=l1_share,
        max_iter=passes,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            model.fit(StandardScaler().fit_transform(scores), labels)
        except ConvergenceWarning as error:
            raise UsageError(f"the bottleneck did not settle in passes={passes}") from error
    weights = np.asarray(model.coef_, dtype=np.float64)
    return np.concatenate([-weights, weights]) if len(weights) == 1 else weights


def top_concepts(weights: NDArray[Any], k: int = 5) -> NDArray[np.int64]:
    """(C, k) the concepts with the largest weights of each class, largest first; ties: lowest.

    Example:
        >>> top_concepts(np.array([[0.1, 0.5, 0.5, -1.0]]), 2)
        array([[1, 2]])
    """
    return np.argsort(-weights, axis=1, kind="stable")[:, :k]


@dataclass(frozen=True)
class Stability:
    """How far a ranking depends on the seed of its fit.

    Attributes:
        rankings: (seeds, C, k) top concepts.
        first: (C,) share of pairs of seeds that agree on the first concept.
        overlap: (C,) mean share of top concepts that two seeds have in common.
    """

    rankings: NDArray[np.int64]
    first: NDArray[np.float64]
    overlap: NDArray[np.float64]


def ranking_stability(
    scores: NDArray[Any], labels: NDArray[Any], seeds: Sequence[int] = (42, 43, 44), k: int = 5
) -> Stability:
    """Fit the bottleneck with several seeds; correlated words make its ranking unstable.

    Raises:
        UsageError: Fewer than two seeds.
    """
    if len(seeds) < 2:
        raise UsageError(f"seeds={list(seeds)}: agreement needs two or more")
    rankings = np.stack([top_concepts(bottleneck(scores, labels, seed), k) for seed in seeds])
    pairs = [(a, b) for i, a in enumerate(rankings) for b in rankings[i + 1 :]]
    first = np.mean([a[:, 0] == b[:, 0] for a, b in pairs], axis=0)
    common = [
        [len(np.intersect1d(x, y)) / len(x) for x, y in zip(a, b, strict=True)] for a, b in pairs
    ]
    return Stability(rankings, first, np.mean(common, axis=0))
