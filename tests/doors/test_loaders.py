"""Loaders that are read as often as needed, and looked at without being read."""

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler, IterableDataset, TensorDataset

from mu.doors.checked import Task
from mu.doors.loaders import Read, rereadable
from mu.errors import UsageError

X, Y = torch.arange(6.0)[:, None], torch.tensor([0, 1, 2, 0, 1, 2])


class Counting(Dataset):
    asked = 0

    def __len__(self):
        return 6

    def __getitem__(self, place):
        self.asked += 1
        return X[place], Y[place]


class Stream(IterableDataset):
    def __iter__(self):
        return iter([(X[0], Y[0]), (X[1], Y[1])])


def test_a_look_asks_for_two_samples_and_leaves_the_generator_alone():
    data, generator = Counting(), torch.Generator().manual_seed(3)
    loader = DataLoader(data, 4, shuffle=True, generator=generator)
    state = generator.get_state()
    assert len(Read(loader).first()) == 2
    assert data.asked == 2 and torch.equal(generator.get_state(), state)
    assert [len(batch) for batch in Read(loader)] == [4, 2] and len(Read(loader)) == 2


def test_what_is_read_once_becomes_a_list():
    once = ((X, Y) for _ in range(2))
    kept = rereadable(once, "forget=")
    assert len(kept) == 2 and len(list(Read(kept))) == 2 == len(list(Read(kept)))
    stream = rereadable(DataLoader(Stream(), 2), "forget=")
    assert len(Read(stream).first()) == 2


@pytest.mark.parametrize("loader", [[], DataLoader(TensorDataset(X[:0], Y[:0]), 2)])
def test_nothing_to_read(loader):
    with pytest.raises(UsageError, match=r"retain= has no"):
        Read(rereadable(loader, "retain="), name="retain=").first()


def test_no_loader():
    with pytest.raises(UsageError, match="forget= is a int, no loader"):
        rereadable(3, "forget=")
    with pytest.raises(UsageError, match="forget= is a TensorDataset, which holds single samples"):
        rereadable(TensorDataset(X, Y), "forget=")
    with pytest.raises(UsageError, match="single samples, not batches"):
        Read(rereadable([(X[0], Y[0])], "forget="), name="forget=").first()
    for one, kind in [(X, "Tensor"), ((X, Y), "pair of tensors"), ("faces/", "str"), ({}, "dict")]:
        with pytest.raises(UsageError, match=f"retain= is a {kind}, no loader: hand over"):
            rereadable(one, "retain=")


def test_the_share_of_one_process_is_refused():
    data = TensorDataset(X, Y)
    alone = DataLoader(data, 2, sampler=DistributedSampler(data, num_replicas=1, rank=0))
    assert rereadable(alone, "forget=") is alone
    share = DataLoader(data, 2, sampler=DistributedSampler(data, num_replicas=2, rank=0))
    with pytest.raises(UsageError, match="forget= reads one of 2 shares of its data set"):
        rereadable(share, "forget=")


def test_every_batch_is_checked_and_put_into_form():
    read = Read([(X, Y[:, None])], task=Task(3, True))
    assert next(iter(read)).y.tolist() == Y.tolist()
    late = Read([(X, Y), (X, Y + 1)], task=Task(3, True))
    with pytest.raises(UsageError, match="label 3 is outside"):
        list(late)
    assert next(iter(Read([(X, X)], task=Task(1, False)))).y is X


def test_a_loader_with_an_order_of_its_own_is_looked_at_as_it_iterates():
    class Reversed(DataLoader):
        def __iter__(self):
            return iter([(X.flip(0), Y.flip(0))])

    data = Counting()
    assert Read(Reversed(data, 4)).first().y.tolist() == Y.flip(0).tolist()
    assert data.asked == 0
