"""A user's own graph of torch_geometric."""

import numpy as np
import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.datasets import KarateClub

from mu.data.pyg import links_of, nodes_of
from mu.errors import UsageError

CLUB = KarateClub()[0]


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
    ],
)
def test_what_is_no_such_graph_is_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()
