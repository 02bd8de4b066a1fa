"""Stochastic block models."""

import numpy as np
import pytest

from mu.data.block_model import BlockLinks, BlockNodes, block_model
from mu.errors import UsageError


def test_edges_are_sorted_distinct_and_mostly_inside_blocks():
    x, y, edges = block_model(2000, 20, 5, 0.8, 16, seed=0)
    assert x.shape == (2000, 16)
    assert (edges[:, 0] < edges[:, 1]).all()
    assert (np.diff(edges @ np.array([2000, 1])) > 0).all()
    assert len(edges) == pytest.approx(20_000, rel=0.03)
    inside = (y.numpy()[edges[:, 0]] == y.numpy()[edges[:, 1]]).mean()
    assert inside == pytest.approx(0.8 + 0.2 / 5, abs=0.02)


def test_a_seed_gives_the_same_graph_and_another_another():
    first, again, other = (BlockLinks(nodes=200, seed=s).fingerprint() for s in (0, 0, 1))
    assert first == again != other


def test_features_tell_blocks_apart():
    data = BlockNodes(nodes=400, blocks=4, features=32)
    centres = np.stack([data.x.numpy()[data.y.numpy() == b].mean(0) for b in range(4)])
    nearest = ((data.x.numpy()[:, None] - centres) ** 2).sum(-1).argmin(1)
    assert (nearest == data.y.numpy()).mean() > 0.99


@pytest.mark.parametrize(
    "options", [{"nodes": 3, "blocks": 2}, {"degree": 0}, {"within": 1.5}, {"features": 0}]
)
def test_numbers_that_make_no_graph_are_refused(options):
    ((name, value), *_) = options.items()
    with pytest.raises(UsageError, match=f"{name}={value}"):
        BlockLinks(**options)
