"""UtU: the weights stay, and what inference sees has lost what is forgotten."""

import numpy as np
import pytest
import torch
from own_graph_case import CONVOLUTIONS, WEIGHTED, graph, network

import mu
from mu.data.pyg import links_of, nodes_of
from mu.forget_sets.files import Request
from mu.models.graph import Encoder


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_network_of_ones_own_sees_the_graph_without_the_edge(name):
    user = graph(name in WEIGHTED, torch.float64)
    data, own = nodes_of(user), network(name)
    net = Encoder(own).eval()
    gone = np.array([4])
    # It has seen the whole graph before, which must leave no trace.
    before = net(next(iter(data.loader(data.parts["train"]))).x)
    new = mu.unlearn(net, "utu", data=data, request=Request("edges", gone))
    for name_of, tensor in net.state_dict().items():
        assert torch.equal(new.state_dict()[name_of], tensor)
    (batch,) = data.loader(data.parts["train"], data.without({"edges": gone}).view)
    stays = [sorted(c) != data.edges[4].tolist() for c in user.edge_index.T.tolist()]
    weight = (user.edge_weight[stays],) if user.edge_weight is not None else ()
    wanted = own(user.x, user.edge_index[:, stays], *weight)[batch.x.nodes]
    torch.testing.assert_close(new(batch.x), wanted)
    assert not torch.allclose(new(batch.x), before)


def test_that_no_weight_changes_is_no_warning(recwarn):
    """It unlinks, which is all it promises to do."""
    data = links_of(graph(dtype=torch.float64), test=0.1)
    mu.unlearn(Encoder(network("gcn")), "utu", data=data, request=Request("edges", np.array([1])))
    assert not [one for one in recwarn if "did nothing" in str(one.message)]
