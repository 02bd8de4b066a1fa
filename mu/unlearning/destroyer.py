"""Destroyers of D2DGN beside the untrained one: what a forgotten edge should score."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mu.data.graphs import GraphInput, adjacency
from mu.data.links import draw_non_edges
from mu.models.base import Learner
from mu.parts.pair_sample import codes_of
from mu.training.fit import Meter


def unseen_targets(forgotten: Tensor, unseen: Tensor) -> Tensor:
    """(n, 1) quantiles of the logits of unseen edges, given to the forgotten ones rank for rank.

    Args:
        forgotten: (n, 1) logits of the forgotten edges; only their order counts.
        unseen: (m, 1) logits of edges never trained on.

    Example:
        >>> seen = torch.tensor([[0.0], [1.0], [2.0]])
        >>> unseen_targets(torch.tensor([[9.0], [5.0], [7.0]]), seen).flatten().tolist()
        [2.0, 0.0, 1.0]
    """
    count = len(forgotten)
    rank = forgotten.flatten().argsort().argsort()
    share = (torch.arange(count, dtype=unseen.dtype, device=unseen.device) + 0.5) / count
    places = share * len(unseen) - 0.5
    ordered = unseen.flatten().sort().values
    low = places.floor().clamp(0, len(ordered) - 1).long()
    high = places.ceil().clamp(0, len(ordered) - 1).long()
    values = torch.lerp(ordered[low], ordered[high], (places - low).clamp(0, 1))
    return values[rank][:, None]


def softened(logits: Tensor, unseen: Tensor, steps: int = 40) -> Tensor:
    """(n, C) logits divided by the temperature that makes them as unsure as unseen ones.

    As unsure: the mean probability of the predicted class is the same. Logits that are less sure
    already stay as they are.

    Args:
        logits: (n, C) of what is forgotten.
        unseen: (m, C) of what was never trained on.
        steps: Halvings of the interval in which the temperature lies, 1 to 1000.

    Example:
        >>> sure = torch.tensor([[4.0, 0.0]])
        >>> [round(z, 4) for z in softened(sure, sure / 2)[0].tolist()]
        [2.0, 0.0]
    """
    wanted = unseen.softmax(-1).max(-1).values.mean()
    low, high = 1.0, 1000.0
    for _ in range(steps):
        middle = (low * high) ** 0.5
        sure = (logits / middle).softmax(-1).max(-1).values.mean()
        low, high = (middle, high) if sure > wanted else (low, middle)
    return logits / low


def trained_on_non_edges(
    learner: Learner, x: GraphInput, epochs: int, lr: float, seed: int, meter: Meter
) -> None:
    """Train a network, in place, to predict random pairs without an edge as if they were edges.

    The graph its messages pass along is made of as many drawn pairs as ``x`` has edges; other pairs
    without an edge, drawn once, are its negatives. So it knows the features and no edge.

    Args:
        learner: With fresh weights.
        x: The retained view.
        epochs: Steps of Adam.
        lr: Its rate.
        seed: Seed of the draws.
        meter: Counts the passes.
    """
    known, size = codes_of(x), len(x.adjacency)
    rng = np.random.default_rng([seed & 0xFFFFFFFF, 6])
    drawn = draw_non_edges(known, size, 2 * len(known), rng)
    edges = drawn[: len(known)]
    edges = edges[np.lexsort((edges[:, 1], edges[:, 0]))]
    pairs = np.concatenate([edges, drawn[len(known) :]])
    view = GraphInput(x.features, adjacency(edges, size), pairs=torch.from_numpy(pairs.T.copy()))
    labels = torch.zeros(len(pairs))
    labels[: len(edges)] = 1
    optimizer = torch.optim.Adam(learner.parameters(), lr=lr)
    with torch.enable_grad():
        for _ in range(epochs):
            meter.forward += 1
            meter.backward += 1
            optimizer.zero_grad()
            logits = learner(replace(view)).squeeze(-1)
            loss = functional.binary_cross_entropy_with_logits(logits, labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
