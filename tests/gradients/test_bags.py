"""Bags of embeddings by plain operations: torch's own numbers, and a second derivative."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from mu.gradients.bags import bag, twice_differentiable_bags
from mu.gradients.gauss_newton import gauss_newton_product
from mu.gradients.hessian import hessian_product
from mu.models.base import Learner

TABLE = torch.randn(9, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
ROWS = torch.tensor([[1, 8, 8], [0, 2, 5]])
LONG, STARTS = torch.tensor([4, 4, 1, 0, 8]), torch.tensor([0, 2, 2, 5])


@pytest.mark.parametrize("mode", ["sum", "mean"])
@pytest.mark.parametrize(
    ("ids", "options"),
    [
        (ROWS, {}),
        (ROWS, {"padding_idx": 8}),
        (torch.full((2, 2), 8), {"padding_idx": 8}),
        (LONG, {"offsets": STARTS}),
        (LONG, {"offsets": STARTS, "include_last_offset": True}),
        (LONG, {"offsets": STARTS.int(), "padding_idx": 4}),
    ],
)
def test_bags_are_those_of_torch(mode, ids, options):
    wanted = functional.embedding_bag(ids, TABLE, mode=mode, **options)
    torch.testing.assert_close(bag(ids, TABLE, mode=mode, **options), wanted)


@pytest.mark.parametrize(("ids", "offsets"), [(ROWS, None), (LONG, STARTS)])
def test_weights_of_single_ids_are_heeded(ids, offsets):
    weights = torch.rand(ids.shape, dtype=torch.float64)
    options = {"offsets": offsets, "mode": "sum", "per_sample_weights": weights}
    wanted = functional.embedding_bag(ids, TABLE, **options)
    torch.testing.assert_close(bag(ids, TABLE, **options), wanted)


class Net(nn.Module):
    def __init__(self, bags):
        super().__init__()
        torch.manual_seed(0)
        self.bags = nn.EmbeddingBag(9, 3, mode=bags) if bags else nn.Embedding(9, 3)
        self.head = nn.Linear(3, 2)
        self.sums = not bags
        self.double()

    def forward(self, x):
        h = self.bags(x)
        return self.head((h.mean(1) if self.sums else h).tanh())


@pytest.mark.parametrize("product", [gauss_newton_product, hessian_product])
def test_products_are_those_of_embeddings_averaged_by_hand(product):
    plain, bags = Net(None), Net("mean")
    bags.load_state_dict(plain.state_dict())
    batch = (ROWS, torch.tensor([0, 1]))
    v = torch.randn(sum(p.numel() for p in plain.parameters()), dtype=torch.float64)
    found, wanted = (product(Learner(net), [batch], v) for net in (bags, plain))
    torch.testing.assert_close(found, wanted)


def test_bags_of_the_greatest_stay_torchs():
    net = Net("max")
    wanted = net(ROWS)
    with twice_differentiable_bags(net):
        assert torch.equal(net(ROWS), wanted)
