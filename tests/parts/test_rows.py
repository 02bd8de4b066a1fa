"""Samples read in any order."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from part_case import IDS, X, Y, parts

from mu.data.base import Batch
from mu.data.graphs import GraphInput
from mu.errors import UsageError
from mu.parts.joined import joined
from mu.parts.part import DataPart, LoaderPart
from mu.parts.rows import gathered, held, labels_of, shuffled


@pytest.mark.parametrize("part", parts(), ids=["data", "loader"])
def test_a_part_is_read_in_the_order_asked_for(part):
    rows, order = part.rows(), torch.tensor([5, 0, 3])
    assert torch.equal(labels_of(rows, 4), Y[IDS])
    assert torch.equal(rows.read(order).x, X[IDS[order]])
    found = gathered(part.batches()).batch
    assert torch.equal(found.x, X[IDS]) and torch.equal(found.y, Y[IDS])
    assert (found.index >= 0).all() == isinstance(part, DataPart)


@given(st.lists(st.integers(0, 8), min_size=1, max_size=9))
def test_joined_rows_are_those_of_both(order):
    both = joined(held(X[:4], Y[:4]), held(X[4:9], Y[4:9], units=0))
    found = both.read(torch.tensor(order))
    assert torch.equal(found.x, X[order]) and torch.equal(found.y, Y[order])
    assert found.units == sum(row < 4 for row in order), "the others cost nothing"


def test_every_epoch_reads_all_rows_once_in_another_order():
    batches = shuffled(held(X, Y), 5, seed=3)
    epochs = [list(batches), list(batches)]
    assert len(batches) == 3 and [len(b) for b in epochs[0]] == [5, 5, 2]
    seen = [torch.cat([b.x for b in epoch]) for epoch in epochs]
    assert not torch.equal(*seen)
    for x, epoch in zip(seen, epochs, strict=True):
        assert torch.equal(x.sort(dim=0).values, X)
        assert torch.equal(torch.cat([b.y for b in epoch]), (x[:, 0] / 2 % 3).long())
    again = shuffled(held(X, Y), 5, seed=3)
    assert torch.equal(torch.cat([b.x for b in again]), seen[0])
    assert sum(b.units for b in epochs[0]) == 12
    assert sum(b.units for b in shuffled(held(X, Y, units=0), 5, seed=3)) == 0


def test_nothing_to_read_is_refused():
    with pytest.raises(UsageError, match="there are no samples"):
        gathered([])


def test_weights_and_ids_stay_with_their_samples():
    plain = Batch(X[:2], Y[:2], torch.tensor([7, 8]))
    weighed = Batch(X[2:4], Y[2:4], torch.tensor([3, 4]), torch.tensor([0.5, 0.25]))
    found = gathered([plain, weighed]).read(torch.tensor([3, 0]))
    assert found.index.tolist() == [4, 7] and found.weight.tolist() == [0.25, 1.0]


def test_a_graph_has_no_rows():
    part = LoaderPart(([Batch(GraphInput(X, X), Y, torch.arange(12))],))
    with pytest.raises(UsageError, match="data= and request="):
        part.rows()
