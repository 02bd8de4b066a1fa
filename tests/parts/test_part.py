"""Parts, and batches on their way to a device."""

import torch

from mu.data.base import Batch
from mu.parts.part import move


class Elsewhere:
    """A tensor on another device, which tests do not have."""

    device = torch.device("cuda")

    def to(self, device):
        return torch.zeros(1, device=device)


def test_a_batch_from_another_device_comes_back_to_the_processor():
    found = move(Batch(Elsewhere(), Elsewhere(), Elsewhere()), "cpu")
    assert all(one.device.type == "cpu" for one in (found.x, found.y, found.index))


def test_a_batch_that_is_there_already_is_not_copied():
    batch = Batch(torch.zeros(1), torch.zeros(1), torch.zeros(1))
    assert move(batch, "cpu") is batch
