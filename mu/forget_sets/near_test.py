"""Edges inside or outside the neighbourhood of the test edges, the protocol of GNNDelete."""

import numpy as np
from numpy.typing import NDArray

from mu.data.base import Ids
from mu.data.graphs import Edges, neighbourhood
from mu.data.links import LinkData
from mu.errors import UsageError
from mu.forget_sets.budget import budget, check_budget
from mu.forget_sets.select import Scene

POOLS = ("in", "out")


def near_edges(
    edges: Edges, ends: Ids, hops: int, num_nodes: int, published: bool = False
) -> NDArray[np.bool_]:
    """(E,) edges between nodes at most ``hops`` steps from ``ends``.

    Args:
        edges: (E, 2) edges with row < col.
        ends: Nodes.
        hops: Steps.
        num_nodes: N.
        published: Walk to lower-numbered nodes only, as the published code does, whose
            neighbourhoods are smaller and depend on how nodes are numbered.
    """
    columns = edges.T if published else np.concatenate([edges, edges[:, ::-1]]).T
    inside = neighbourhood(columns, ends, hops, num_nodes)
    found: NDArray[np.bool_] = inside[edges[:, 0]] & inside[edges[:, 1]]
    return found


class NearTest:
    """A uniform draw of training edges near the end points of the test edges, or of the others.

    Args:
        pool: "in" draws edges of the neighbourhood (harder), "out" the others.
        share: Share of all kept edges, in (0, 1); not of the pool.
        count: Or their number.
        hops: Reach of the neighbourhood.
        published: Whether neighbourhoods are those of the published code.

    Raises:
        UsageError: An unknown pool or no budget. When it selects: data without test edges, or a
            pool that is too small.
    """

    kind = "edges"

    def __init__(
        self,
        pool: str = "in",
        share: float | None = None,
        count: int | None = None,
        hops: int = 2,
        published: bool = False,
    ) -> None:
        if pool not in POOLS:
            raise UsageError(f"pool={pool!r} is not one of {', '.join(POOLS)}")
        if hops < 0:
            raise UsageError(f"hops={hops} is not a number of steps")
        check_budget(share, count)
        self.pool, self.share, self.count = pool, share, count
        self.hops, self.published = hops, published

    def select(self, scene: Scene) -> Ids:
        """Ids of the drawn edges."""
        data, available = scene.data, scene.available
        if not isinstance(data, LinkData):
            raise UsageError(f"{type(data).__name__} has no test edges; use request=random")
        test = data.parts["test"]
        ends = np.unique(data.pairs[test[data.pair_labels[test] == 1]])
        near = near_edges(data.edges, ends, self.hops, data.num_nodes, self.published)
        pool = available[near[available] == (self.pool == "in")]
        wanted = budget(self.share, self.count, len(available))
        if wanted > len(pool):
            raise UsageError(
                f"the pool {self.pool!r} holds {len(pool)} edges and {wanted} are asked for; lower "
                f"the share or count, or change hops={self.hops}"
            )
        return scene.rng.choice(pool, wanted, replace=False)
