"""Batches over D_f and D_r together."""

import torch
from cases import CASES

from mu.parts.mixed import mixed
from mu.parts.part import LoaderPart


def test_every_sample_comes_once_and_is_marked():
    case = CASES["images"]()
    loader = mixed(case.parts(), 16, seed=0)
    first, second = list(loader), list(loader)
    assert len(first) == len(loader)
    index = torch.cat([b.index for b in first])
    marks = torch.cat([b.forget for b in first])
    assert sorted(index.tolist()) == sorted(case.data.parts["train"].tolist())
    assert sorted(index[marks].tolist()) == case.forget.tolist()
    assert index.tolist() != torch.cat([b.index for b in second]).tolist(), "a new order each epoch"
    again = torch.cat([b.index for b in mixed(case.parts(), 16, seed=0)])
    assert torch.equal(index, again)


def test_links_that_are_drawn_count_as_retained():
    case = CASES["links"]()
    (batch,) = list(mixed(case.parts(), None, seed=0))
    assert (batch.index[batch.forget] >= 0).all()
    assert int(batch.forget.sum()) == len(case.forget)


def test_loaders_of_the_user_are_mixed_batch_by_batch():
    forget = [(torch.zeros(2, 1), torch.zeros(2, dtype=torch.long))] * 2
    retain = [(torch.ones(3, 1), torch.ones(3, dtype=torch.long))] * 5
    loader = mixed({"forget": LoaderPart((forget,)), "retain": LoaderPart((retain,))}, None, seed=1)
    orders = [[bool(b.forget.all()) for b in loader] for _ in range(3)]
    assert len(loader) == 7
    assert all(sum(order) == 2 for order in orders)
    assert len({tuple(order) for order in orders}) > 1
    for batch in loader:
        assert bool(batch.forget.any()) == bool((batch.x == 0).all())
