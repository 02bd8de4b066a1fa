"""A user's loaders read as the data set that they are parts of."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    Subset,
    TensorDataset,
    default_collate,
)

import mu
from mu.data.base import TensorData
from mu.forget_sets.files import Request
from mu.parts.part import LoaderPart, by_rows

torch.manual_seed(0)
X, Y = torch.randn(150, 6), torch.randint(0, 3, (150,))
WHOLE = TensorDataset(X, Y)
GONE = [int(i) for i in np.random.default_rng(0).permutation(150)[:40]]
KEPT = [i for i in np.random.default_rng(1).permutation(150).tolist() if i not in GONE]
ALL = np.arange(150)
DATA = TensorData(X, Y, train=ALL, validation=ALL[:0], test=ALL[:0])


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


class Wrapped(Dataset):
    """Says nothing about where its samples come from."""

    def __init__(self, ids):
        self.ids = ids

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, place):
        return WHOLE[self.ids[place]]


def subsets(data=WHOLE, **options):
    return [DataLoader(Subset(data, ids), 7, **options) for ids in (GONE, KEPT)]


def of_data():
    view = DATA.without({}).view
    return [DATA.loader(np.array(ids), view, batch_size=9) for ids in (GONE, KEPT)]


NESTED = ConcatDataset([TensorDataset(X[:60], Y[:60]), TensorDataset(X[60:], Y[60:])])
KNOWN = {
    "subsets": subsets(),
    "drawn": subsets(shuffle=True),
    "subsets of subsets": subsets(Subset(NESTED, range(150))),
    "the data set's own": of_data(),
}
UNKNOWN = {
    "wrapped": [DataLoader(Wrapped(ids), 7) for ids in (GONE, KEPT)],
    "tensors": [DataLoader(TensorDataset(X[ids], Y[ids]), 7) for ids in (GONE, KEPT)],
    "lists": [[(X[ids], Y[ids])] for ids in (GONE, KEPT)],
    "a list and a loader": [[(X[GONE], Y[GONE])], subsets()[1]],
    "two functions": [subsets()[0], subsets(collate_fn=lambda s: default_collate(s))[1]],
}


@pytest.mark.parametrize("options", [{}, {"order": "classes"}, {"order": "ids", "batch_size": 32}])
@pytest.mark.parametrize("name", KNOWN)
def test_ssd_leaves_the_same_weights_by_loaders_as_by_data(name, options):
    net, (forget, retain) = network(), KNOWN[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = mu.unlearn(net, "ssd", forget=forget, retain=retain, share=0.2, **options)
    request = Request("samples", np.sort(GONE))
    wanted = mu.unlearn(net, "ssd", data=DATA, request=request, share=0.2, **options)
    for own, other in zip(found.parameters(), wanted.parameters(), strict=True):
        assert torch.equal(own, other)
    assert found.unlearning["order"] == wanted.unlearning["order"]


@pytest.mark.parametrize("name", UNKNOWN)
def test_ssd_says_where_it_does_not_know_the_order(name):
    forget, retain = UNKNOWN[name]
    with pytest.warns(UserWarning, match="D as D_r, then D_f"):
        found = mu.unlearn(network(), "ssd", forget=forget, retain=retain, share=0.2)
    assert found.unlearning["order"] == "shuffled of D_r, then D_f"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mu.unlearn(network(), "ssd", forget=forget, retain=retain, share=0.2, fisher="per_sample")


def test_every_epoch_is_in_the_order_of_the_data_set():
    part = LoaderPart(tuple(subsets(shuffle=True)))
    batches = part.batches(batch_size=40)
    for _ in range(2):
        assert torch.equal(torch.cat([batch.x for batch in batches]), X)
    assert torch.equal(part.rows().numbers.sort().values, torch.arange(150))


def test_one_loader_taken_as_it_is_keeps_its_order():
    alone = LoaderPart((subsets()[0],))
    assert torch.equal(alone.rows().read(torch.arange(40)).x, X[GONE])
    assert torch.equal(by_rows(alone).rows().read(torch.arange(40)).x, X[np.sort(GONE)])
