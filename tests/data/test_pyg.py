"""A user's own graph of torch_geometric."""

import numpy as np
import pytest
import torch
from own_graph_case import graph
from torch_geometric.data import Data, HeteroData
from torch_geometric.datasets import KarateClub
from torch_geometric.utils import to_dense_adj

from mu.data.pyg import ids_of_mask, links_of, nodes_of, refuse_raw_graph
from mu.errors import UsageError

CLUB = KarateClub()[0]


def mask(nodes):
    found = torch.zeros(34, dtype=torch.bool)
    found[nodes] = True
    return found


def club(extra=None, **other):
    """The karate club with something else about it."""
    found = CLUB.clone()
    if extra is not None:
        found.edge_index = torch.cat([found.edge_index, torch.tensor(extra)], dim=1)
    for name, value in other.items():
        setattr(found, name, value)
    return found


def test_links_are_those_of_the_edge_index():
    data = links_of(CLUB, validation=0.1, test=0.1)
    held = data.pairs[np.isin(np.arange(len(data.pairs)), data.parts["train"], invert=True)]
    edges = {tuple(e) for e in data.edges.tolist()} | {
        tuple(e) for e in held[data.pair_labels[len(data.edges) :] == 1].tolist()
    }
    wanted = {(min(a, b), max(a, b)) for a, b in CLUB.edge_index.T.tolist()}
    assert edges == wanted


def test_nodes_have_the_parts_of_the_masks():
    data = nodes_of(CLUB)
    assert data.parts["train"].tolist() == CLUB.train_mask.nonzero().flatten().tolist()
    assert len(data.parts["validation"]) == len(data.parts["test"]) == 0
    assert data.targets(np.arange(34)).tolist() == CLUB.y.tolist()


def test_labels_are_not_needed_for_links_and_sparse_features_stay_sparse():
    data = Data(x=CLUB.x.to_sparse_coo(), edge_index=CLUB.edge_index)
    found = links_of(data)
    assert found.x.layout == torch.sparse_csr
    assert (found.y == 0).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: links_of(Data(edge_index=CLUB.edge_index)), "need node features x"),
        (lambda: nodes_of(Data(x=CLUB.x, edge_index=CLUB.edge_index)), "need labels y"),
        (lambda: links_of(Data(x=CLUB.x, edge_index=CLUB.edge_index[:, :7])), "is directed"),
        (lambda: links_of(Data(x=CLUB.x[:9], edge_index=CLUB.edge_index)), "the nodes are 0 to 8"),
        (lambda: links_of(HeteroData()), "HeteroData has several kinds.*to_homogeneous"),
        (lambda: nodes_of(HeteroData()), "HeteroData has several kinds.*to_homogeneous"),
        (lambda: nodes_of(KarateClub()), r"not KarateClub: take its graph, dataset\[0\]"),
        (lambda: links_of({"x": CLUB.x}), "is due, not dict"),
        (lambda: links_of(club(x=CLUB.x.long())), r"x are torch.int64 of shape .*float\(\)"),
        (lambda: links_of(club(x=CLUB.x[0])), r"x are torch.float32 of shape \(34,\)"),
        (lambda: links_of(club(edge_index=CLUB.edge_index.T)), r"edge_index is int64 of shape"),
        (lambda: links_of(club(edge_index=CLUB.edge_index.float())), r"edge_index is float32"),
        (lambda: nodes_of(club(y=torch.rand(34))), r"labels y are torch.float32 of shape \(34,\)"),
        (lambda: nodes_of(club(y=torch.ones(34, 3).long())), r"y are torch.int64 .*\(34, 3\)"),
        (lambda: links_of(club(extra=[[7], [7]])), "1 of them, the first at node 7.*remove_self"),
        (lambda: links_of(club(extra=[[0, 1], [1, 0]])), "repeated edges, such as 0 → 1.*coalesce"),
        (lambda: links_of(club(edge_attr=torch.rand(156, 4))), r"edge_attr of shape \(156, 4\)"),
        (lambda: links_of(club(edge_attr=torch.rand(156))), r"edge_attr of shape .*ignore="),
        (lambda: links_of(club(edge_type=torch.ones(156).long())), r"edge_type of shape \(156,\)"),
        (lambda: links_of(club(edge_weight=torch.ones(156, 1))), r"\(156, 1\).*flatten\(\)"),
        (lambda: links_of(club(edge_weight=torch.rand(156))), r"weighs .* in one direction.*mean"),
        (lambda: links_of(club(edge_weight=torch.zeros(156))), r"edge \(0, 1\) has the weight 0"),
        (lambda: links_of(club(edge_weight=torch.full((156,), torch.nan))), "has the weight nan"),
        (lambda: links_of(CLUB, ignore="edge_attr"), "ignore='edge_attr': a list of"),
        (lambda: links_of(CLUB, ignore=["x"]), "ignore='x': a list of edge_attr"),
        (lambda: nodes_of(club(train_mask=torch.zeros(34).bool())), "train_mask names no node"),
        (lambda: nodes_of(club(train_mask=mask([0, 4]), test_mask=mask([4, 5]))), "4 is named tw"),
        (lambda: nodes_of(club(y=CLUB.y - 1)), "of the train part has the label -1.*mask"),
    ],
)
def test_what_is_no_such_graph_is_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_weights_are_in_the_matrix_and_leave_with_their_edge():
    user = graph(weights=True)
    dense = to_dense_adj(user.edge_index, edge_attr=user.edge_weight, max_num_nodes=30)[0]
    data = nodes_of(user)
    whole = data.graph(None)
    assert whole.weighted
    assert torch.equal(whole.adjacency.to_dense(), dense)
    u, v = data.edges[5]
    dense[u, v] = dense[v, u] = 0
    found = data.graph(data.without({"edges": np.array([5])}).view)
    assert found.weighted
    assert torch.equal(found.adjacency.to_dense(), dense)
    dense[8], dense[:, 8] = 0, 0
    kept = data.without({"edges": np.array([5]), "nodes": np.array([8])})
    assert torch.equal(data.graph(kept.view).adjacency.to_dense(), dense)


def test_links_keep_the_weights_of_the_edges_trained_on():
    user = graph(weights=True, dtype=torch.float64)
    dense = to_dense_adj(user.edge_index, edge_attr=user.edge_weight, max_num_nodes=30)[0]
    data = links_of(user, validation=0.2, test=0.2)
    assert data.weights.tolist() == dense[tuple(data.edges.T)].tolist()
    assert data.graph(None).adjacency.dtype == torch.float64


def test_other_weights_are_other_data():
    user = graph(weights=True)
    double, none = user.clone(), user.clone()
    double.edge_weight = double.edge_weight * 2
    none.edge_weight = None
    prints = [nodes_of(one).fingerprint() for one in (user, double, none)]
    assert len(set(prints)) == 3
    assert nodes_of(user, ignore=["edge_weight"]).fingerprint() == prints[2]
    assert not nodes_of(user, ignore=["edge_weight"]).graph(None).weighted


def test_what_is_to_be_ignored_is_left_out():
    plain = links_of(CLUB).fingerprint()
    features = club(edge_attr=torch.rand(156, 4), edge_type=torch.ones(156).long())
    assert links_of(features, ignore=["edge_attr", "edge_type"]).fingerprint() == plain
    assert (links_of(club(y=torch.rand(34)), ignore=["y"]).y == 0).all()


@pytest.mark.parametrize("given", [torch.tensor([7, 2]), np.array([7, 2]), [7, 2], mask([2, 7])])
def test_a_mask_may_be_a_list_of_nodes(given):
    data = nodes_of(club(train_mask=given, val_mask=torch.tensor([9])))
    assert data.parts["train"].tolist() == [2, 7]
    assert data.parts["validation"].tolist() == [9]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (torch.ones(6, 10).bool(), r"m has shape \(6, 10\), not \(6,\).*m = data.m\[:, 0\]"),
        (torch.ones(5).bool(), "m has 5 booleans for 6 nodes"),
        (torch.tensor([1, 0, 1, 0, 0, 1]), r"may be a mask or node numbers: data.m.bool\(\)"),
        (torch.ones(6, dtype=torch.uint8), r"may be a mask or node numbers"),
        (torch.ones(6), "m is of type float32"),
        (torch.tensor([6]), "node 6 is not there"),
        (torch.tensor([-1]), "node -1 is not there"),
        (torch.tensor(3), r"m has shape \(\)"),
    ],
)
def test_what_is_neither_mask_nor_nodes_is_refused(given, said):
    with pytest.raises(UsageError, match=said):
        ids_of_mask(given, 6, "m")


def test_node_numbers_as_many_as_nodes_are_no_mask():
    assert ids_of_mask(torch.tensor([2, 0, 1]), 3, "m").tolist() == [2, 0, 1]


def test_nodes_without_a_label_may_stand_outside_the_masks():
    data = nodes_of(graph())
    assert (data.y[torch.arange(0, 30, 5)] == -1).all()
    assert data.model_facts["out_features"] == 3


def test_a_raw_graph_is_refused_where_data_are_due():
    class Own(Data):
        pass

    for raw in (CLUB, HeteroData(), KarateClub(), Own()):
        with pytest.raises(UsageError, match=r"nodes_of\(data\).*links_of\(data\)"):
            refuse_raw_graph(raw)
    refuse_raw_graph(nodes_of(CLUB))
    refuse_raw_graph(None)
