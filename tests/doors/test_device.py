"""Where to compute."""

import pytest
import torch

from mu.doors.device import checked_device
from mu.errors import UsageError


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("cpu0", "device='cpu0' is neither 'cpu' nor 'cuda'"),
        ("mps", "device='mps': torch finds no such GPU here"),
        (None, "device='None' is neither"),
        (0, "device='0' is neither"),
        ("cuda:1", "CUDA_VISIBLE_DEVICES=1"),
        (torch.device("cuda", 0), "CUDA_VISIBLE_DEVICES=0"),
    ],
)
def test_another_device_is_refused(device, message):
    with pytest.raises(UsageError, match=message):
        checked_device(device)


def test_a_gpu_that_is_there_and_one_that_is_not(monkeypatch):
    assert checked_device(torch.device("cpu")) == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert checked_device(torch.device("cuda")) == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="torch finds no such GPU here; take here='cpu'"):
        checked_device("cuda", "here")
