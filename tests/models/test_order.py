"""What a forward pass uses, and when."""

import torch
from torch import nn

from mu.models.base import Learner, as_batch
from mu.models.order import order_of, when


class Backwards(nn.Module):
    """Its head is defined first, a projection that never runs last; a scale is used late."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 3)
        self.scale = nn.Parameter(torch.ones(4))
        self.body = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout())
        self.projection = nn.Linear(4, 9)

    def forward(self, x):
        assert self.head.weight.dtype == x.dtype  # a look at a weight is no use
        return self.head(self.scale * self.body(x))


def order(network, x):
    return order_of(Learner(network.train()), as_batch((x, torch.zeros(len(x), dtype=torch.int64))))


def test_the_order_is_that_of_the_forward_pass():
    network, x = Backwards(), torch.rand(3, 2)
    state = torch.get_rng_state()
    found = order(network, x)
    body = network.body
    used = [body[0].weight, body[1].running_mean, network.scale, network.head.weight]
    times = [found[id(tensor)] for tensor in used]
    assert times == sorted(times)
    assert found[id(body[0])] < times[0] and when(found, body) < when(found, network.head)
    assert when(found, network.projection) == 0
    assert not network._forward_pre_hooks and network.body[2].training
    assert torch.equal(torch.get_rng_state(), state)


def test_what_runs_twice_counts_where_it_runs_last():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.shared, self.between = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.shared(self.between(self.shared(x)))

    network = Twice()
    found = order(network, torch.rand(3, 2))
    assert when(found, network.between) < when(found, network.shared)


def test_weights_inside_attention_and_recurrence_are_seen():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.cell, self.head = nn.LSTM(8, 8, batch_first=True), nn.Linear(8, 3)

        def forward(self, x):
            return self.head(self.cell(self.attention(x))[0][:, -1])

    network = Recurrent()
    found = order(network, torch.rand(2, 5, 8))
    assert all(id(p) in found for p in network.parameters())
    inner = network.attention.self_attn.out_proj.weight
    assert found[id(inner)] < found[id(network.cell.weight_hh_l0)]
