"""Tiny data of each kind, and models that are nothing but the logits they are said to have."""

import numpy as np
import torch

from mu.data.base import Data, TensorData
from mu.data.graphs import NodeData
from mu.data.links import LinkData
from mu.evaluation.signals import Signals
from mu.forget_sets.helper_model import HelperModel

NODES = 30


def table(test=None) -> TensorData:
    """Training ids are the odd ones below 60."""
    ids = np.arange(90)
    return TensorData(
        torch.zeros(90, 2),
        torch.arange(90) % 5,
        train=ids[1:60:2],
        validation=ids[0:60:2],
        test=ids[60:] if test is None else test,
    )


def graph() -> tuple:
    rng = np.random.default_rng(0)
    rows, columns = np.triu_indices(NODES, 1)
    chosen = rng.random(len(rows)) < 0.15
    edges = np.stack([rows[chosen], columns[chosen]], axis=1)
    return torch.ones(NODES, 3), torch.arange(NODES) % 3, edges


def nodes() -> NodeData:
    parts = {"train": np.arange(0, 20), "validation": np.arange(20, 24), "test": np.arange(24, 30)}
    return NodeData(*graph(), parts)


def links() -> LinkData:
    return LinkData(*graph(), validation=0.1, test=0.1)


def model(data: Data, losses: dict[int, float] | float, trained=None) -> HelperModel:
    """A model whose loss on each sample is the one given; binary for links, two classes else.

    ``losses`` maps ids to losses (the rest has 1.0), or is the loss of all.
    """
    index = data.universe()
    targets = np.asarray(data.targets(index)) % 2
    given = losses if isinstance(losses, dict) else dict.fromkeys(index.tolist(), losses)
    loss = np.array([given.get(int(i), 1.0) for i in index])
    with np.errstate(over="ignore", divide="ignore"):
        right = -np.log(np.expm1(loss))  # the margin z with ln(1 + e^−z) = loss
    z = np.where(targets == 1, right, -right)
    logits = z[:, None] if isinstance(data, LinkData) else np.stack([np.zeros_like(z), z], axis=1)
    ids = data.parts["train"] if trained is None else np.asarray(trained, np.int64)
    return HelperModel(Signals(index, logits, targets), ids)
