"""Loaders of D_r that still hold D_f."""

import warnings

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from mu.doors.loaders import Read
from mu.errors import UsageError
from mu.parts.overlapping import check_apart

X, Y = torch.arange(20.0)[:, None], torch.arange(20) % 2
WHOLE = TensorDataset(X, Y)


class Noisy(Dataset):
    """Draws its samples anew whenever they are asked for."""

    def __len__(self):
        return 20

    def __getitem__(self, place):
        return X[place] + torch.rand(1), Y[place]


def lists(*ids):
    return Read([(X[[i]], Y[[i]]) for i in ids])


def subset(ids, data=WHOLE, **options):
    return Read(DataLoader(Subset(data, ids), 4, **options))


@pytest.mark.parametrize(
    ("forget", "retain"),
    [
        (lists(0, 1), lists(*range(20))),
        (lists(0, 1), lists(1, 2, 3)),
        (subset([0, 1]), Read(DataLoader(WHOLE, 4, shuffle=True))),
        (subset([0, 1], noise := Noisy()), Read(DataLoader(noise, 4))),
        (subset([0, 1]), lists(*range(20))),
    ],
)
def test_a_forgotten_half_is_refused(forget, retain):
    with pytest.raises(UsageError, match=r"of the 2 samples of forget= are in retain= as well"):
        check_apart(forget, retain)


def test_one_of_many_is_warned_of():
    with pytest.warns(UserWarning, match="1 of the samples to forget is in retain= as well"):
        check_apart(lists(0, 1, 2), lists(2, 3, 4))


@pytest.mark.parametrize(
    ("forget", "retain"),
    [
        (lists(0, 1), lists(2, 3)),
        (lists(0, 1), Read([(X[:2], 1 - Y[:2]), (X[2:], Y[2:])])),  # twins of another class
        (subset([0, 1]), subset(range(2, 20))),
    ],
)
def test_what_is_apart_passes(forget, retain):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_apart(forget, retain)


def test_a_loader_draws_as_if_it_had_not_been_looked_at():
    generator = torch.Generator().manual_seed(1)
    retain = Read(DataLoader(TensorDataset(X[2:], Y[2:]), 4, shuffle=True, generator=generator))
    state = generator.get_state()
    check_apart(lists(0, 1), retain)
    assert torch.equal(generator.get_state(), state)
