"""Blobs of four classes, and models that know or never saw some of them."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn


def trained(x, y, seed):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 4))
    optimizer = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(120):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    return net.eval()


@pytest.fixture(scope="session")
def blobs():
    """A scene of a random request, and one of a whole class."""
    torch.manual_seed(0)
    centres = 1.2 * torch.randn(4, 12)
    y = torch.arange(400) % 4
    x = centres[y] + 1.3 * torch.randn(400, 12)
    # Labels of one in five are wrong, so that only memory gets them right.
    y = torch.where(torch.rand(400) < 0.2, torch.randint(4, (400,)), y)
    train = torch.arange(400) < 200
    original, scenes = trained(x[train], y[train], 0), {}
    for name, asked in {"random": torch.arange(400) < 60, "group": (y == 2) & train}.items():
        kept = train & ~asked
        test = ~train
        scenes[name] = SimpleNamespace(
            original=original,
            oracles=[trained(x[kept], y[kept], 100 + k) for k in range(3)],
            retrained=trained(x[kept], y[kept], 99),
            parts={
                "forget": [(x[asked], y[asked])],
                "retain": [(x[kept], y[kept])],
                "test": [(x[test], y[test])],
            },
        )
    return SimpleNamespace(**scenes)
