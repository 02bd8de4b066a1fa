"""The pools of GNNDelete: golden masks, shares of all edges, and errors."""

from pathlib import Path

import numpy as np
import pytest
from forget_sets.problems import links, nodes

from mu.data.graphs import neighbourhood
from mu.errors import UsageError
from mu.forget_sets.by_class import ClassSet
from mu.forget_sets.ids import IdSet
from mu.forget_sets.near_test import NearTest, near_edges
from mu.forget_sets.select import select

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "graph_official_small.npz")


@pytest.mark.parametrize("published", [True, False])
def test_golden_pools(published):
    edges = GOLDEN["published/edge_list"].T
    ends = np.unique(GOLDEN["split/test_pos"])
    found = near_edges(edges, ends, 2, 60, published)
    if published:
        np.testing.assert_array_equal(found, GOLDEN["split/in_pool_directed"])
        return
    both, mask = GOLDEN["published/edge_index"], GOLDEN["split/in_pool_symmetric"]
    wanted = {tuple(sorted(e)) for e in both[:, mask].T.tolist()}
    assert {tuple(e) for e in edges[found].tolist()} == wanted


@pytest.mark.parametrize("pool", ["in", "out"])
def test_edges_are_drawn_from_the_pool_and_counted_of_all(pool):
    data = links()
    request = select(NearTest(pool, count=3, hops=0), data, {}, seed=1)
    test = data.parts["test"]
    ends = np.unique(data.pairs[test[data.targets(test) == 1]])
    near = near_edges(data.edges, ends, 0, data.num_nodes)
    assert (near[request.ids] == (pool == "in")).all()
    assert len(request.ids) == 3
    other = select(NearTest(pool, count=3, hops=0), data, {}, seed=2)
    assert pool == "in" or request.ids.tolist() != other.ids.tolist()


def test_a_share_is_of_all_kept_edges_and_not_of_the_pool():
    data = links()
    request = select(NearTest("in", share=0.1), data, {"edges": np.array([0, 1])}, seed=1)
    assert len(request.ids) == round(0.1 * (len(data.edges) - 2))


def test_both_ends_of_a_near_edge_are_in_the_neighbourhood():
    edges = np.array([[0, 1], [1, 2], [2, 3]])
    assert near_edges(edges, np.array([0]), 1, 4).tolist() == [True, False, False]
    columns = np.concatenate([edges, edges[:, ::-1]]).T
    assert neighbourhood(columns, np.array([0]), 2, 4).tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NearTest("near", share=0.1), "pool='near'"),
        (lambda: NearTest(share=0.1, hops=-1), "hops=-1"),
        (lambda: NearTest(), "either a share or a count"),
        (lambda: select(NearTest("out", count=5), links(), {}, 0), "the pool 'out' holds 1 edges"),
        (lambda: select(NearTest(share=0.1), nodes(), {}, 0), "has no test edges"),
    ],
)
def test_what_cannot_be_meant_is_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_edges_are_named_by_their_end_points():
    data = links()
    wanted = data.edges[[4, 1]].tolist()
    request = select(IdSet(pairs=[wanted[0], wanted[1][::-1]]), data, {}, 0)
    assert (request.kind, request.ids.tolist()) == ("edges", [1, 4])


@pytest.mark.parametrize("pairs", [[], "0-1", [[0]], [[0, 1, 2]], [[0, 1.5]], [3]])
def test_what_is_no_pair_is_refused(pairs):
    with pytest.raises(UsageError, match="pair"):
        IdSet(pairs=pairs)


def test_pairs_need_a_graph_and_an_edge():
    data = links()
    missing = data.pairs[data.parts["test"][-1]].tolist()
    with pytest.raises(UsageError, match="no trained edge between"):
        select(IdSet(pairs=[missing]), data, {}, 0)


def test_a_class_of_edges_lies_inside_a_class_of_nodes():
    data = links()
    request = select(ClassSet(1, kind="edges"), data, {}, 0)
    inside = (data.y.numpy()[data.edges] == 1).all(1)
    assert request.ids.tolist() == np.flatnonzero(inside).tolist()
