"""Samples read in any order."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from part_case import IDS, X, Y, parts

from mu.errors import UsageError
from mu.parts.part import DataPart, LoaderPart
from mu.parts.rows import Shuffled, gathered, held, joined, rows_of


@pytest.mark.parametrize("part", parts(), ids=["data", "loader"])
def test_a_part_is_read_in_the_order_asked_for(part):
    rows, order = rows_of(part), torch.tensor([5, 0, 3])
    assert torch.equal(rows.y, Y[IDS])
    assert torch.equal(rows.read(order), X[IDS[order]])
    x, y, index = gathered(part)
    assert torch.equal(x, X[IDS]) and torch.equal(y, Y[IDS])
    assert (index >= 0).all() == isinstance(part, DataPart)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=9))
def test_joined_rows_are_those_of_both(order):
    both = joined(held(X[:4], Y[:4]), held(X[4:9], Y[4:9], units=0))
    assert torch.equal(both.read(torch.tensor(order)), X[order])
    assert torch.equal(both.y, Y[:9]) and both.units == 1


def test_every_epoch_reads_all_rows_once_in_another_order():
    batches = Shuffled(held(X, Y), 5, seed=3)
    epochs = [list(batches), list(batches)]
    assert len(batches) == 3 and [len(b) for b in epochs[0]] == [5, 5, 2]
    seen = [torch.cat([b.x for b in epoch]) for epoch in epochs]
    assert not torch.equal(*seen)
    for x, epoch in zip(seen, epochs, strict=True):
        assert torch.equal(x.sort(dim=0).values, X)
        assert torch.equal(torch.cat([b.y for b in epoch]), (x[:, 0] / 2 % 3).long())
    again = Shuffled(held(X, Y), 5, seed=3)
    assert torch.equal(torch.cat([b.x for b in again]), seen[0])
    assert sum(b.units for b in epochs[0]) == 12
    assert sum(b.units for b in Shuffled(held(X, Y, units=0), 5, seed=3)) == 0


def test_nothing_to_read_is_refused():
    with pytest.raises(UsageError, match="there are no samples"):
        gathered(LoaderPart(([],)))
