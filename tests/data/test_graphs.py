"""Graphs: views, ids of links, and that nothing forgotten or held out leaks into training."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mu.data.base import View
from mu.data.digits_graph import DigitsLinks, DigitsNodes
from mu.data.graphs import NodeData, adjacency, neighbourhood, undirected_edges
from mu.data.links import LinkData, non_edges
from mu.errors import UsageError

NODES = 40


def graph(seed: int = 0) -> tuple:
    rng = np.random.default_rng(seed)
    rows, columns = np.triu_indices(NODES, 1)
    chosen = rng.random(len(rows)) < 0.15
    x = torch.from_numpy(rng.random((NODES, 4))).float() + 1
    return x, torch.arange(NODES) % 3, np.stack([rows[chosen], columns[chosen]], axis=1)


@pytest.fixture(scope="module")
def links() -> LinkData:
    return LinkData(*graph(), validation=0.1, test=0.2, split_seed=3)


@pytest.fixture(scope="module")
def nodes() -> NodeData:
    order = np.random.default_rng(1).permutation(NODES)
    parts = {"train": order[:25], "validation": order[25:30], "test": order[30:]}
    return NodeData(*graph(), parts)


def pairs(array) -> set[tuple[int, int]]:
    """Undirected pairs of a (n, 2) array."""
    return {(min(a, b), max(a, b)) for a, b in np.asarray(array).tolist()}


def seen(batch) -> set[tuple[int, int]]:
    """Undirected edges that messages pass along; both directions must be there."""
    dense = batch.x.adjacency.to_dense()
    assert torch.equal(dense, dense.T)
    assert dense.diagonal().sum() == 0
    assert set(dense.unique().tolist()) <= {0.0, 1.0}
    return pairs(dense.nonzero().numpy())


def test_link_ids_are_in_their_order_and_stable(links):
    full = pairs(graph()[2])
    train, validation, test = (links.parts[p] for p in ("train", "validation", "test"))
    assert np.concatenate([train, validation, test]).tolist() == list(range(len(links.pairs)))
    assert links.universe().tolist() == list(range(len(links.pairs)))
    assert (links.targets(train) == 1).all()
    for held in (validation, test):
        labels = links.targets(held)
        half = len(held) // 2
        assert labels.tolist() == [1] * half + [0] * half
    positives = pairs(links.pairs[links.targets(links.universe()) == 1])
    assert positives == full
    assert len(train) + len(validation) // 2 + len(test) // 2 == len(full)
    again = LinkData(*graph(), validation=0.1, test=0.2, split_seed=3)
    assert (again.pairs == links.pairs).all()
    assert again.fingerprint() == links.fingerprint()
    other = LinkData(*graph(), validation=0.1, test=0.2, split_seed=4)
    assert other.fingerprint() != links.fingerprint()


def test_edges_are_the_training_pairs_with_the_same_ids(links):
    assert (links.edges == links.pairs[: len(links.edges)]).all()
    assert links.elements("edges").tolist() == links.parts["train"].tolist()


@pytest.mark.parametrize("seed", range(8))
def test_evaluation_negatives_are_no_edge_of_the_full_graph(seed):
    links = LinkData(*graph(), validation=0.1, test=0.4, split_seed=seed)
    negatives = links.pairs[links.targets(links.universe()) == 0]
    assert not pairs(negatives) & pairs(graph()[2])
    assert len(pairs(negatives)) == len(negatives)
    assert (negatives[:, 0] < negatives[:, 1]).all()


def test_held_out_links_are_neither_passed_along_nor_trained_on(links):
    held = pairs(graph()[2]) - pairs(links.edges)
    assert held
    batches = [
        *links.loader(links.parts["train"], train=True),
        *links.loader(links.universe()),
    ]
    for batch in batches:
        assert not seen(batch) & held
    (training,) = links.loader(links.parts["train"], train=True)
    positives = training.x.pairs.T[training.y == 1]
    assert pairs(positives) == pairs(links.edges)


@given(draw=st.data())
def test_forgotten_edges_are_in_neither_direction_nor_in_the_loss(draw):
    data = LinkData(*graph(), validation=0.1, test=0.2)
    kind = draw.draw(st.sampled_from(["edges", "nodes"]))
    ids = draw.draw(st.sets(st.sampled_from(data.elements(kind).tolist()), min_size=1, max_size=5))
    gone = np.array(sorted(ids))
    kept = data.without({kind: gone})
    lost = data.edges[gone] if kind == "edges" else data.edges[data.incident(gone)]
    assert not pairs(data.pairs[kept.ids]) & pairs(lost)
    (batch,) = data.loader(kept.ids, kept.view, train=True, seed=1)
    assert seen(batch) == pairs(data.edges) - pairs(lost)
    assert not pairs(batch.x.pairs.T[batch.y == 1]) & pairs(lost)
    (whole,) = data.loader(data.universe(), kept.view)
    assert not seen(whole) & pairs(lost)


def test_training_negatives_are_non_edges_of_the_view_drawn_per_seed_and_epoch(links):
    kept = links.without({"edges": np.arange(0, 30, 3)})
    loader = links.loader(kept.ids, kept.view, train=True, seed=5)
    drawn = []
    for _ in range(2):
        (batch,) = loader
        negatives = batch.x.pairs.T[batch.y == 0]
        assert (batch.index[batch.y == 0] == -1).all()
        assert batch.index[batch.y == 1].tolist() == kept.ids.tolist()
        assert len(negatives) == len(kept.ids)
        assert not pairs(negatives) & seen(batch)
        drawn.append(pairs(negatives))
    assert drawn[0] != drawn[1]
    (again,) = links.loader(kept.ids, kept.view, train=True, seed=5)
    assert pairs(again.x.pairs.T[again.y == 0]) == drawn[0]
    (other,) = links.loader(kept.ids, kept.view, train=True, seed=6)
    assert pairs(other.x.pairs.T[other.y == 0]) != drawn[0]


def test_outside_training_nothing_is_drawn(links):
    ids = links.parts["test"]
    batches = list(links.loader(ids, batch_size=5))
    assert torch.cat([b.index for b in batches]).tolist() == ids.tolist()
    assert torch.cat([b.y for b in batches]).tolist() == links.targets(ids).tolist()
    assert len(links.loader(ids, batch_size=5)) == len(batches)


def test_features_that_are_withdrawn_are_zero_and_the_data_are_not_changed(nodes):
    gone = nodes.parts["train"][:3]
    kept = nodes.without({"features": gone})
    assert kept.ids.tolist() == nodes.parts["train"].tolist()
    (batch,) = nodes.loader(kept.ids, kept.view, train=True)
    assert (batch.x.features[gone] == 0).all()
    others = np.setdiff1d(np.arange(NODES), gone)
    assert torch.equal(batch.x.features[others], nodes.x[others])
    (original,) = nodes.loader(nodes.parts["train"], View(), train=True)
    assert torch.equal(original.x.features, nodes.x)
    assert kept.digest() != nodes.without({}).digest()


def test_a_node_that_is_gone_has_no_edges_and_no_sample(nodes):
    gone = nodes.parts["train"][:2]
    kept = nodes.without({"nodes": gone})
    assert not np.isin(gone, kept.ids).any()
    (batch,) = nodes.loader(kept.ids, kept.view, train=True)
    assert not [pair for pair in seen(batch) if set(pair) & set(gone.tolist())]
    assert sorted(batch.x.nodes.tolist()) == kept.ids.tolist()


def test_held_out_nodes_are_never_in_a_training_batch(nodes):
    (batch,) = nodes.loader(nodes.parts["train"], train=True)
    held = {*nodes.parts["validation"].tolist(), *nodes.parts["test"].tolist()}
    assert not set(batch.index.tolist()) & held
    assert batch.y.tolist() == nodes.targets(batch.index.numpy()).tolist()
    assert batch.units == 1


def test_what_stands_for_elements(nodes, links):
    edge = np.array([0])
    ends = np.intersect1d(nodes.edges[0], nodes.parts["train"])
    assert nodes.affected("edges", edge).tolist() == ends.tolist()
    assert nodes.affected("features", nodes.parts["train"][:2]).tolist() == sorted(
        nodes.parts["train"][:2].tolist()
    )
    node = links.edges[0, 0]
    assert links.affected("nodes", np.array([node])).tolist() == links.incident(node).tolist()


def test_equal_views_share_a_graph(links):
    first = links.graph(View({"edges": (1, 2)}))
    assert links.graph(View({"edges": (1, 2)})).adjacency is first.adjacency
    assert links.graph(None).adjacency is links.graph(View()).adjacency


def test_adjacency_of_no_edges_is_empty():
    assert adjacency(np.empty((0, 2), np.int64), 3).to_dense().sum() == 0


@given(n=st.integers(3, 12), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_non_edges_are_distinct_and_unknown(n, share, seed):
    rng = np.random.default_rng(seed)
    rows, columns = np.triu_indices(n, 1)
    chosen = rng.random(len(rows)) < share
    edges = np.stack([rows[chosen], columns[chosen]], axis=1)
    free = len(rows) - len(edges)
    found = non_edges(edges, n, free, rng)
    assert len(pairs(found)) == free
    assert not pairs(found) & pairs(edges)
    with pytest.raises(UsageError, match="fewer than"):
        non_edges(edges, n, free + 1, rng)


@pytest.mark.parametrize("make", [DigitsLinks, DigitsNodes])
def test_the_digits_graph_has_disjoint_parts(make):
    data = make()
    parts = list(data.parts.values())
    assert np.concatenate(parts).size == len(np.unique(np.concatenate(parts)))
    assert (data.edges[:, 0] < data.edges[:, 1]).all()
    assert make().fingerprint() == data.fingerprint()
    assert make(split_seed=1).fingerprint() != data.fingerprint()


@pytest.mark.parametrize("shares", [(0.0, 0.1), (0.6, 0.4), (0.1, -0.1)])
def test_links_that_leave_nothing_are_refused(shares):
    with pytest.raises(UsageError, match=f"test={shares[1]}"):
        LinkData(*graph(), *shares)


def test_both_directions_make_one_edge():
    both = np.array([[0, 1, 2, 1, 2, 2, 0], [1, 0, 1, 2, 2, 1, 1]])
    assert undirected_edges(both, 3).tolist() == [[0, 1], [1, 2]]
    assert undirected_edges(torch.from_numpy(both), 3).tolist() == [[0, 1], [1, 2]]
    assert undirected_edges(np.empty((2, 0), np.int64), 3).shape == (0, 2)


@pytest.mark.parametrize(
    ("edge_index", "message"),
    [
        ([[0, 1], [1, 2]], "directed: it has the edge 0 → 1 and not 1 → 0 .2 such.*to_undirected"),
        ([[0, 7], [7, 0]], "node 7 is not there: the nodes are 0 to 2"),
        ([[-1, 0], [0, -1]], "node -1 is not there"),
        ([[0, 1, 2]], r"shape \(1, 3\)"),
    ],
)
def test_an_edge_list_that_is_none_is_refused(edge_index, message):
    with pytest.raises(UsageError, match=message):
        undirected_edges(np.array(edge_index), 3)


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([[1, 0]], r"edge \(1, 0\) is not in its place"),
        ([[0, 1], [0, 1]], r"edge \(0, 1\)"),
        ([[1, 2], [0, 1]], r"edge \(0, 1\)"),
        ([[2, 2]], r"edge \(2, 2\)"),
        ([[0, 9]], "node 9 is not there"),
        ([0, 1], r"shape \(2,\)"),
    ],
)
def test_edges_out_of_order_are_refused(edges, message):
    x, y, _ = graph()
    parts = {"train": np.arange(3), "validation": np.arange(3, 5), "test": np.arange(5, 8)}
    with pytest.raises(UsageError, match=message):
        NodeData(x[:9], y[:9], np.array(edges), parts)


def test_features_and_labels_must_be_as_many():
    x, y, edges = graph()
    with pytest.raises(UsageError, match="39 rows of features and 40 labels"):
        LinkData(x[1:], y, edges)


def test_edges_are_found_by_their_end_points_in_either_direction(links):
    ids = np.array([3, 0, 7])
    pairs_ = links.edges[ids]
    pairs_[1] = pairs_[1][::-1]
    assert links.edge_ids(pairs_).tolist() == ids.tolist()
    held = links.pairs[links.parts["test"][0]]
    for wrong in (held, links.pairs[-1]):
        with pytest.raises(UsageError, match=f"no trained edge between nodes {wrong[0]} and"):
            links.edge_ids(wrong[None])
    with pytest.raises(UsageError, match="node 99 is not there"):
        links.edge_ids(np.array([[0, 99]]))


def test_the_class_of_an_edge_is_that_of_both_its_ends(links):
    labels = links.element_labels("edges")
    first, second = links.y.numpy()[links.edges].T
    assert (labels[first == second] == first[first == second]).all()
    assert (labels[first != second] == -1).all()
    assert ((labels == -1) == (first != second)).all()


def test_sparse_features_are_those_of_the_dense_ones():
    x, y, edges = graph()
    x = x * (x > 1.5)
    dense = LinkData(x, y, edges)
    sparse = LinkData(x.to_sparse_csr(), y, edges)
    kept = dense.without({"features": np.array([0, 5])})
    for view in (None, kept.view):
        assert torch.equal(sparse.graph(view).features.to_dense(), dense.graph(view).features)
    assert torch.equal(sparse.x.to_dense(), x)
    assert sparse.fingerprint() != LinkData((2 * x).to_sparse_csr(), y, edges).fingerprint()
    assert sparse.fingerprint() == LinkData(x.to_sparse_csr(), y, edges).fingerprint()


def test_supervision_of_a_part_is_drawn_anew_each_epoch_and_messages_pass_along_all():
    data = LinkData(*graph(), supervised=10)
    kept = data.without({"edges": np.array([1, 2])})
    loader = data.loader(kept.ids, kept.view, train=True, seed=3)
    drawn = []
    for _ in range(2):
        (batch,) = loader
        index = batch.index[batch.y == 1]
        assert len(index) == (batch.y == 0).sum() == 10
        assert set(index.tolist()) <= set(kept.ids.tolist())
        assert len(seen(batch)) == len(kept.ids)
        drawn.append(index.tolist())
    assert drawn[0] != drawn[1]
    (whole,) = data.loader(kept.ids, kept.view)
    assert len(whole) == len(kept.ids)


def test_held_out_pairs_of_a_node_that_is_gone_are_not_asked_about(links):
    node = int(links.pairs[links.parts["test"][0]][0])
    unasked = links.unasked({"nodes": np.array([node])})
    held = np.r_[links.parts["validation"], links.parts["test"]]
    touching = held[(links.pairs[held] == node).any(1)]
    assert unasked.tolist() == sorted(touching.tolist())
    assert len(links.unasked({"edges": np.array([0])})) == 0


def test_what_a_model_made_of_a_view_is_not_used_for_another(links):
    x = links.graph(None)
    assert x.once("name", lambda: 1) == 1
    assert replace(x, pairs=torch.zeros(2, 1)).once("name", lambda: 2) == 1
    assert replace(x, features=x.features * 2).once("name", lambda: 3) == 3
    assert x.once("name", lambda: 4) == 1


def test_the_walk_to_neighbours_takes_as_many_steps_as_asked():
    path = np.array([[0, 1, 2, 3], [1, 2, 3, 4]])
    both = np.concatenate([path, path[::-1]], axis=1)
    for hops in range(4):
        found = neighbourhood(both, np.array([2]), hops, 6)
        assert found.nonzero()[0].tolist() == [n for n in range(5) if abs(n - 2) <= hops]
