"""What the tests of per-sample gradients share: networks, samples and a loop to compare with."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from mu.gradients import per_sample
from mu.models.base import Learner

EXACT = 1e-9  # relative, in float64


def learner_of(network, seed=0):
    """In float64, with running statistics, scales and shifts that are nobody's default."""
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
        if isinstance(module, nn.modules.batchnorm._BatchNorm | nn.GroupNorm | nn.LayerNorm):
            for parameter in module.parameters(recurse=False):
                nn.init.normal_(parameter)
    return Learner(network.double())


def losses(z, y):
    return functional.cross_entropy(z, y, reduction="none")


def images(*shape, classes=4, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, classes, (len(x),), generator=generator)


def loop(learner, x, y, loss=losses, power=torch.square):
    """Batch-of-one autograd, written independently of what is tested."""
    learner.eval()
    named = {n: p for n, p in learner.named_parameters() if p.requires_grad}
    total = {n: torch.zeros_like(p) for n, p in named.items()}
    for n in range(len(y)):
        value = loss(learner.network(x[n : n + 1]), y[n : n + 1]).sum()
        found = torch.autograd.grad(value, list(named.values()), allow_unused=True)
        for name, gradient in zip(named, found, strict=True):
            if gradient is not None:
                total[name] += power(gradient)
    return total


def assert_same(found, expected, tolerance=EXACT):
    assert found.keys() == expected.keys()
    largest = max(float(value.max()) for value in expected.values())
    for name, value in expected.items():
        error = float((found[name] - value).norm())
        assert error <= tolerance * float(value.norm()) + 1e-24 * largest, (name, error)


@pytest.fixture
def by_formula(monkeypatch):
    """Which batches were served by formulas; the others had one backward pass a sample."""
    seen = []
    original = per_sample._Pass._add_by_formula

    def watched(self, batch):
        seen.append(original(self, batch))
        return seen[-1]

    monkeypatch.setattr(per_sample._Pass, "_add_by_formula", watched)
    return seen


class Body(nn.Module):
    """Something on (n, 6, 8, 8) images, then means over places and a head."""

    def __init__(self, body, width):
        super().__init__()
        self.body, self.head = body, nn.Linear(width, 4)

    def forward(self, x):
        return self.head(self.body(x).flatten(2).mean(2))
