"""Batches over D_f and D_r together."""

from itertools import chain

import numpy as np
import pytest
import torch
from cases import CASES
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import (
    DataLoader,
    Dataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
)

from mu.data.base import Batch, TensorData
from mu.data.graphs import GraphInput
from mu.errors import UsageError
from mu.parts.mixed import mixed
from mu.parts.part import DataPart, LoaderPart

NONE = np.empty(0, np.int64)


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


X, Y = torch.arange(40.0)[:, None], torch.arange(40) % 4
GONE = slice(30, 40)  # behind what is retained, as from loaders
DATA = TensorData(X, Y, train=np.arange(40), validation=NONE, test=NONE)


def of_data(size, seed):
    parts = {"forget": DataPart(DATA, np.arange(30, 40), None)}
    return mixed(parts | {"retain": DataPart(DATA, np.arange(30), None)}, size, seed)


def in_batches(at, size):
    return list(zip(X[at].split(size), Y[at].split(size), strict=True))


def loader(at, size, **options):
    return DataLoader(TensorDataset(X[at], Y[at]), size, **options)


class Held:
    """Batches that can be read again, of which nothing else is known."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return iter(self.batches)


WAYS = {
    "lists": (in_batches(GONE, 3), in_batches(slice(0, 30), 7)),
    "one sample a batch": (in_batches(GONE, 1), in_batches(slice(0, 30), 1)),
    "held": (Held(in_batches(GONE, 3)), Held(in_batches(slice(0, 30), 7))),
    "index": (loader(GONE, 3), loader(slice(0, 30), 7)),
    "shuffled": (loader(GONE, 3, shuffle=True), loader(slice(0, 30), 7, shuffle=True)),
    "subset": (
        DataLoader(Subset(TensorDataset(X, Y), range(30, 40)), 4),
        DataLoader(TensorDataset(X, Y), 4, sampler=SubsetRandomSampler(range(30))),
    ),
    "workers": (loader(GONE, 3, num_workers=1), loader(slice(0, 30), 7)),
    "both kinds": (in_batches(GONE, 4), loader(slice(0, 30), 7)),
    "own collate": (
        loader(GONE, 3, collate_fn=lambda rows: default_collate(rows)),
        loader(slice(0, 30), 7),
    ),
    "batch_sampler": (
        DataLoader(
            TensorDataset(X[GONE], Y[GONE]), batch_sampler=[[0, 1, 2], [3, 4, 5, 6], [7, 8, 9]]
        ),
        loader(slice(0, 30), 7),
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [7, 64, None])
def test_samples_of_loaders_come_as_those_of_data(way, size):
    forget, retain = (LoaderPart((one,)) for one in WAYS[way])
    torch.manual_seed(0)
    found, wanted = mixed({"forget": forget, "retain": retain}, size, 3), of_data(size, 3)
    assert len(found) == len(wanted)
    before = torch.get_rng_state()
    for _ in range(2):
        for own, other in zip(found, wanted, strict=True):
            assert torch.equal(own.x, other.x) and torch.equal(own.y, other.y)
            assert torch.equal(own.forget, other.forget) and own.units == other.units
            assert torch.equal(own.index[own.forget], own.x[own.forget, 0].long() - 30)
    assert torch.equal(before, torch.get_rng_state()), "dropout draws what it would from data"


def test_what_a_sampler_repeats_is_drawn_anew_each_epoch_and_keeps_its_number():
    torch.manual_seed(0)
    weights = WeightedRandomSampler(torch.arange(1.0, 11.0), 10)
    forget = LoaderPart((DataLoader(TensorDataset(X[GONE], Y[GONE]), 4, sampler=weights),))
    loader = mixed({"forget": forget, "retain": LoaderPart((in_batches(slice(0, 30), 7),))}, 8, 0)
    epochs, number = [], {}
    for _ in range(4):
        batches = list(loader)
        assert sum(len(b) for b in batches) == 40
        x = torch.cat([b.x[b.forget, 0] for b in batches])
        index = torch.cat([b.index[b.forget] for b in batches])
        epochs.append(tuple(sorted(x.tolist())))
        assert len(x) == 10
        for value, own in zip(x.tolist(), index.tolist(), strict=True):
            assert number.setdefault(value, own) == own
    assert len(set(epochs)) > 1 and len(set(number.values())) == len(number)


class Augmented(Dataset):
    """A data set that draws at each reading, and remembers how many it was asked for at once."""

    def __init__(self, at):
        self.at, self.read = at, 0

    def __len__(self):
        return len(X[self.at])

    def __getitem__(self, i):
        self.read += 1
        return X[self.at][i] + torch.rand(1) / 2, Y[self.at][i]


def test_data_sets_with_an_index_are_read_when_asked_for_and_drawn_anew():
    forget, retain = Augmented(GONE), Augmented(slice(0, 30))
    parts = {
        n: LoaderPart((DataLoader(d, 5),)) for n, d in (("forget", forget), ("retain", retain))
    }
    loader = mixed(parts, 8, 0)
    assert forget.read + retain.read == 0
    next(iter(loader))
    assert forget.read + retain.read == 8
    epochs = [torch.cat([b.x for b in loader]).flatten().sort().values for _ in range(2)]
    assert torch.equal(*(one.floor() for one in epochs)) and not torch.equal(*epochs)


def test_inputs_of_any_structure_are_mixed():
    def batches(at, size):
        inputs = zip(X[at].split(size), Y[at].split(size), strict=True)
        return [({"a": x, "b": (x.T[None].expand(5, 1, -1).mT,)}, y) for x, y in inputs]

    parts = {
        "forget": LoaderPart((batches(GONE, 3),)),
        "retain": LoaderPart((batches(slice(30), 7),)),
    }
    for own, other in zip(mixed(parts, 6, 0), of_data(6, 0), strict=True):
        assert torch.equal(own.x["a"], other.x)
        # Sequences first: (5, n, 1).
        assert torch.equal(own.x["b"][0], other.x.expand(5, -1, -1))


def padded(rows):
    """Samples of different lengths as one tensor, as long as the longest of the batch."""
    return pad_sequence([x for x, _ in rows], batch_first=True), torch.tensor([y for _, y in rows])


def test_samples_of_different_lengths_are_padded_by_the_users_own_function():
    rows = [(torch.ones(n), n % 2) for n in range(1, 9)]
    parts = {
        "forget": LoaderPart((DataLoader(rows[:3], 2, collate_fn=padded),)),
        "retain": LoaderPart((DataLoader(rows[3:], 2, collate_fn=padded),)),
    }
    lengths = [b.x.sum(1).tolist() for b in mixed(parts, 3, 0)]
    assert sorted(chain.from_iterable(lengths)) == list(range(1, 9))
    parts["forget"] = LoaderPart((list(parts["forget"].loaders[0]),))
    with pytest.raises(UsageError, match="pad samples to one size"):
        list(mixed(parts, 8, 0))


def test_batches_of_a_graph_stay_as_they_are():
    graph = GraphInput(X, X)
    forget = [Batch(graph, torch.zeros(2), torch.tensor([5, 9]))] * 2
    retain = [Batch(graph, torch.ones(3), torch.full((3,), -1))] * 5
    loader = mixed({"forget": LoaderPart((forget,)), "retain": LoaderPart((retain,))}, None, seed=1)
    orders = [[bool(b.forget.all()) for b in loader] for _ in range(3)]
    assert len(loader) == 7
    assert all(sum(order) == 2 for order in orders)
    assert len({tuple(order) for order in orders}) > 1
    assert torch.cat([b.index[b.forget] for b in loader]).tolist() == [0, 1, 2, 3]
