"""Parts, and batches on their way to a device."""

import numpy as np
import torch

from mu.data.base import Batch, TensorData
from mu.parts.part import DataPart, LoaderPart, by_rows, move


class Elsewhere:
    """A tensor on another device, which tests do not have."""

    device = torch.device("cuda")

    def __len__(self):
        return 1

    def to(self, device):
        return torch.zeros(1, device=device)


def test_a_batch_from_another_device_comes_back_to_the_processor():
    found = move(Batch(Elsewhere(), Elsewhere(), Elsewhere()), "cpu")
    assert all(one.device.type == "cpu" for one in (found.x, found.y, found.index))


def test_a_batch_that_is_there_already_is_not_copied():
    batch = Batch(torch.zeros(1), torch.zeros(1), torch.zeros(1))
    assert move(batch, "cpu") is batch


def batches(n, size=4):
    x, y = torch.arange(float(n))[:, None], torch.arange(n) % 2
    return list(zip(x.split(size), y.split(size), strict=True))


def test_one_loader_is_taken_as_it_is_and_several_are_read_as_a_data_set():
    one = LoaderPart((batches(7),))
    given = {"batch_size": 3, "shuffle": True, "by_class": True, "seed": 1}
    assert one.batches(**given) is one
    both = LoaderPart((batches(7), batches(5)))
    assert both.batches() is both
    x = torch.cat([torch.arange(7.0), torch.arange(5.0)])[:, None]
    y = torch.cat([torch.arange(7) % 2, torch.arange(5) % 2])
    none = np.empty(0, np.int64)
    data = TensorData(x, y, train=np.arange(12), validation=none, test=none)
    part = DataPart(data, np.arange(12), None)
    for options in ({}, {"shuffle": True}, {"by_class": True}, given, {"train": True, **given}):
        found, wanted = (p.batches(**{"batch_size": 5} | options) for p in (both, part))
        assert len(found) == len(wanted)
        for _ in range(2):
            for own, other in zip(found, wanted, strict=True):
                assert torch.equal(own.x, other.x) and torch.equal(own.y, other.y)
    alone = by_rows(one).batches(batch_size=3)
    assert [len(batch) for batch in alone] == [3, 3, 1]
