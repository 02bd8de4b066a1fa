"""The golden network of the influence tests, and a linear regression with a closed form."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mu.models.base import Learner

GOLDEN = np.load(Path(__file__).parent / "golden" / "iau_official_small.npz")


class Squares(Learner):
    """Least squares."""

    def loss(self, logits, targets, reduction="mean"):
        losses = (logits - targets).square().sum(-1) / 2
        return {"mean": losses.mean, "sum": losses.sum, "none": lambda: losses}[reduction]()


def golden_learner():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 10),
        nn.ReLU(),
        nn.Linear(10, 4),
    ).double()
    names = list(network.state_dict())
    network.load_state_dict({n: torch.from_numpy(GOLDEN[f"init/{n}"]) for n in names})
    return Learner(network)


def golden_vector(prefix):
    """All tensors of a prefix as one vector in the order of the network."""
    names = list(golden_learner().network.state_dict())
    return torch.cat([torch.from_numpy(GOLDEN[f"{prefix}/{n}"]).flatten() for n in names])


def golden_batches(part, size=16):
    """Batches of "remain" or "forget"."""
    x = torch.from_numpy(GOLDEN[f"x_{part}"]).double()
    y = torch.from_numpy(GOLDEN[f"y_{part}"]).long()
    return list(zip(x.split(size), y.split(size), strict=True))


def relative(found, wanted):
    return float((found - wanted).norm() / wanted.norm())


def regression(n=30, d=4, seed=0):
    """Rows, targets and a learner at the least-squares minimum over all of them."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator).double()
    y = torch.randn(n, 1, generator=generator).double()
    network = nn.Linear(d, 1, bias=False).double()
    network.weight.data = least_squares(x, y)
    return x, y, Squares(network)


def least_squares(x, y):
    return torch.linalg.lstsq(x, y).solution.T


class Attention(nn.Module):
    """Tokens (n, t, d) → logits (n, 2) through one fused attention."""

    def __init__(self, d=4):
        super().__init__()
        self.project, self.head = nn.Linear(d, 3 * d), nn.Linear(d, 2)

    def forward(self, x):
        q, k, v = self.project(x)[:, None].chunk(3, dim=-1)
        return self.head(functional.scaled_dot_product_attention(q, k, v)[:, 0].mean(1))
