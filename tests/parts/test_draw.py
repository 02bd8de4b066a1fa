"""Samples drawn from a part."""

import numpy as np
import pytest
import torch
from cases import CASES
from part_case import IDS, X, Y, parts
from torch.utils.data import DataLoader, TensorDataset

from mu.data.base import Batch, TensorData
from mu.data.graphs import GraphInput
from mu.errors import UsageError
from mu.parts.draw import chosen, drawn, torch_order
from mu.parts.part import DataPart, LoaderPart
from mu.parts.rows import gathered
from mu.parts.whole_classes import classes_in


def as_loader(part):
    return LoaderPart(([(batch.x, batch.y) for batch in part.batches(batch_size=16)],))


def test_a_count_is_drawn_from_everything_and_nothing_twice():
    loader = [
        Batch(torch.arange(a, a + 10.0), torch.zeros(10), torch.arange(a, a + 10))
        for a in range(0, 100, 10)
    ]
    found = [
        torch.cat([b.index for b in drawn(LoaderPart((loader,)), seed, count=8).batches()])
        for seed in range(50)
    ]
    assert all(len(set(ids.tolist())) == 8 for ids in found)
    assert len(set(torch.cat(found).tolist())) > 90
    part = CASES["images"]().parts()["retain"]
    ids = drawn(part, 0, count=10).ids
    assert len(ids) == 10 and np.isin(ids, part.ids).all()
    assert not np.array_equal(ids, drawn(part, 1, count=10).ids)


@pytest.mark.parametrize("part", parts(), ids=["data", "loader"])
def test_where_nothing_is_to_be_left_out_the_part_is_as_it_was(part):
    assert drawn(part, 0) is part
    assert drawn(part, 0, share=1, per_class=True) is part


def test_a_share_is_of_each_class():
    labels = np.array([0] * 10 + [1] * 4 + [5])
    rows = chosen(labels, torch_order(0), share=0.5)
    assert np.bincount(labels[rows]).tolist() == [5, 2, 0, 0, 0, 1]
    assert len(np.unique(rows)) == len(rows)
    assert np.sort(chosen(labels, torch_order(0), share=1.0)).tolist() == list(range(15))


@pytest.mark.parametrize("part", parts(), ids=["data", "loader"])
@pytest.mark.parametrize("order", [None, torch_order(0)])
def test_a_part_cut_down_keeps_a_share_of_each_class(part, order):
    few = drawn(part, 0, share=0.5, per_class=True, order=order)
    found = gathered(few.batches()).batch
    x, y = found.x, found.y
    assert y.bincount().tolist() == [0, 2, 2]
    assert all(any(torch.equal(one, own) for own in X[IDS]) for one in x)


@pytest.mark.parametrize("part", parts(), ids=["data", "loader"])
def test_a_share_of_all_together(part):
    x = gathered(drawn(part, 0, share=0.4).batches()).batch.x
    assert len(x.unique(dim=0)) == 2


@pytest.mark.parametrize("form", [lambda part: part, as_loader])
@pytest.mark.parametrize("count", [3, 1000])
def test_few_of_each_class(form, count):
    part = CASES["images"]().parts()["retain"]
    few = drawn(form(part), 1, count=count, per_class=True)
    labels = classes_in(few)
    wanted = np.minimum(count, np.bincount(classes_in(part).numpy()))
    assert torch.bincount(labels).tolist() == wanted.tolist()
    again = drawn(form(part), 1, count=count, per_class=True)
    assert torch.equal(labels, classes_in(again))


@pytest.mark.parametrize(
    "options", [{"count": 5}, {"share": 0.3}, {"count": 2, "per_class": True}, {"count": 99}]
)
def test_from_a_loader_the_same_samples_are_drawn_as_from_data(options):
    x, y = torch.arange(20.0)[:, None], torch.arange(20) % 3
    none = np.empty(0, np.int64)
    data = TensorData(x, y, train=np.arange(20), validation=none, test=none)
    wanted = drawn(DataPart(data, np.arange(20), None), 4, **options)
    for shuffle in (False, True):
        loader = DataLoader(TensorDataset(x, y), 3, shuffle=shuffle)
        found = drawn(LoaderPart((loader,)), 4, **options)
        for reading in ({"batch_size": 4}, {"batch_size": 4, "train": True, "seed": 1}):
            own, other = (list(part.batches(**reading)) for part in (found, wanted))
            assert [len(batch) for batch in own] == [len(batch) for batch in other]
            if reading.keys() == {"batch_size"} or options == {"count": 99}:
                for a, b in zip(own, other, strict=True):
                    assert torch.equal(a.x, b.x) and torch.equal(a.y, b.y)


def test_of_classes_that_are_missing_nothing_is_taken():
    part = parts()[0]
    assert classes_in(drawn(part, 0, per_class=True, missing=[1])).unique().tolist() == [2]
    with pytest.raises(UsageError, match=r"missing=\[1, 2\] leaves no class"):
        drawn(part, 0, per_class=True, missing=[1, 2])


def test_a_graph_that_a_users_loader_holds_is_left_whole():
    part = LoaderPart(([Batch(GraphInput(X, X), torch.zeros(3), torch.arange(3))],))
    assert drawn(part, 0, count=2) is part
    with pytest.raises(UsageError, match="of a graph cannot be cut"):
        drawn(part, 0, count=2, per_class=True)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [({"count": 3}, 3), ({"count": 2, "per_class": True}, 4), ({"share": 0.5}, 4)],
)
def test_inputs_of_several_tensors_are_drawn_together(options, wanted):
    x, y = torch.arange(8.0), torch.arange(8) % 2
    batches = [
        ({"a": x[at, None], "b": (x[at] + 100,)}, y[at]) for at in (slice(0, 5), slice(5, 8))
    ]
    found = list(drawn(LoaderPart((batches,)), 1, **options).batches())
    a = torch.cat([b.x["a"] for b in found])[:, 0]
    b = torch.cat([batch.x["b"][0] for batch in found])
    assert torch.equal(a + 100, b)
    assert torch.equal(torch.cat([batch.y for batch in found]), a.long() % 2)
    assert len(a) == wanted


def test_orders_of_ids_are_those_of_before():
    """Kept results hang on them."""
    part = parts()[0]
    assert (
        drawn(part, 3, count=3).ids.tolist()
        == np.sort(IDS[np.random.default_rng(3).permutation(6)[:3]]).tolist()
    )
    rng = np.random.default_rng([3, 7])
    own = [rng.permutation(IDS[Y.numpy()[IDS] == label])[:2] for label in (1, 2)]
    order = np.random.default_rng([3, 7]).permutation
    found = drawn(part, 3, count=2, per_class=True, order=order).ids
    assert found.tolist() == np.sort(np.concatenate(own)).tolist()
