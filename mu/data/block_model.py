"""Stochastic block models of any size, with features that tell the blocks apart."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mu.data.graphs import Edges, NodeData, random_nodes
from mu.data.links import LinkData
from mu.errors import UsageError


def block_model(
    nodes: int = 1000,
    degree: float = 20.0,
    blocks: int = 10,
    within: float = 0.8,
    features: int = 128,
    seed: int = 0,
) -> tuple[Tensor, Tensor, Edges]:
    """Features, blocks and edges of a graph drawn from a seed in O(E log E).

    Edges are drawn one by one: with probability ``within`` between two nodes of one block, else
    between two nodes of any blocks; repeated pairs count once. A node's features are its block's
    centre, standard normal, plus standard normal noise.

    Args:
        nodes: N.
        degree: Mean degree before repeated pairs are dropped.
        blocks: Number of equal blocks.
        within: Share of the edges drawn inside a block.
        features: Features of a node.
        seed: Seed.

    Returns:
        Features (N, f), blocks (N,), edges (E, 2) with row < col, sorted.

    Raises:
        UsageError: Numbers that make no such graph.
    """
    if nodes < 2 * blocks or blocks < 1 or features < 1 or degree <= 0 or not 0 <= within <= 1:
        raise UsageError(
            f"nodes={nodes}, degree={degree}, blocks={blocks}, within={within}, "
            f"features={features} make no block model"
        )
    rng = np.random.default_rng(seed)
    label = np.sort(rng.integers(blocks, size=nodes))
    start = np.searchsorted(label, np.arange(blocks + 1))
    count = round(nodes * degree / 2)
    first, second = rng.integers(nodes, size=(2, count))
    inside = rng.random(count) < within
    low, high = start[label[first]], start[label[first] + 1]
    second[inside] = (low + (rng.random(count) * (high - low)).astype(np.int64))[inside]
    pairs = np.sort(np.stack([first, second], axis=1), axis=1)
    codes = np.unique(pairs[pairs[:, 0] < pairs[:, 1]] @ np.array([nodes, 1]))
    centres = rng.standard_normal((blocks, features), np.float32)
    x = rng.standard_normal((nodes, features), np.float32) + centres[label]
    edges = np.stack(np.divmod(codes, nodes), axis=1)
    return torch.from_numpy(x), torch.from_numpy(label), edges


class BlockLinks(LinkData):
    """Links of a stochastic block model.

    Args:
        validation, test, split_seed, supervised: As `mu.data.links.LinkData`.
        graph: As `block_model`.

    Raises:
        UsageError: As those.
    """

    def __init__(
        self,
        validation: float = 0.05,
        test: float = 0.05,
        split_seed: int = 0,
        supervised: int | None = None,
        **graph: Any,
    ) -> None:
        super().__init__(*block_model(**graph), validation, test, split_seed, supervised)


class BlockNodes(NodeData):
    """Blocks of the nodes of a stochastic block model.

    Args:
        validation, test, split_seed: As `mu.data.graphs.random_nodes`.
        graph: As `block_model`.

    Raises:
        UsageError: As those.
    """

    def __init__(
        self, validation: float = 0.1, test: float = 0.3, split_seed: int = 0, **graph: Any
    ) -> None:
        x, y, edges = block_model(**graph)
        super().__init__(x, y, edges, random_nodes(len(y), validation, test, split_seed))
