"""The sum of single gradients: golden numbers, batches of any size, what is refused."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from iau_case import GOLDEN, arrays, net
from torch import nn

from mu.errors import UsageError
from mu.gradients.mean_gradient import gradient_sum
from mu.models.base import Learner


def samples(*parts):
    x = torch.cat([torch.from_numpy(GOLDEN[f"x_{part}"]) for part in parts])
    y = torch.cat([torch.from_numpy(GOLDEN[f"y_{part}"]) for part in parts])
    return x, y


def cut(x, y, sizes):
    return list(zip(x.split(sizes), y.split(sizes), strict=True))


@pytest.mark.parametrize("size", [1, 7, 48])
def test_the_sum_over_all_samples_is_the_golden_one(size):
    found, count = gradient_sum(net(), cut(*samples("remain", "forget"), size))
    assert count == 48
    wanted = arrays("grad_full_sum/")
    assert set(found) == set(wanted)
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-12, atol=1e-14)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.randoms())
def test_cuts_and_order_do_not_change_it(sizes, random):
    x, y = samples("remain")
    count = sum(sizes)
    x, y = x.repeat(2, 1, 1, 1)[:count], y.repeat(2)[:count]
    whole, _ = gradient_sum(net(), [(x, y)])
    batches = cut(x, y, sizes)
    random.shuffle(batches)
    found, seen = gradient_sum(net(), batches)
    assert seen == count
    for name, tensor in whole.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-12, atol=1e-12)


def test_float32_models_are_summed_in_float64():
    found, _ = gradient_sum(net().float(), [(x.float(), y) for x, y in cut(*samples("forget"), 3)])
    exact, _ = gradient_sum(net(), [samples("forget")])
    for name, tensor in exact.items():
        assert found[name].dtype == torch.float64
        assert (found[name] - tensor).norm() < 1e-5 * tensor.norm()


def test_modes_buffers_and_gradients_stay_as_they_were():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
    model.train()
    model[1].eval()
    before = {n: b.clone() for n, b in model.named_buffers()}
    batch = (torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 2)
    first, _ = gradient_sum(model, [batch])
    second, _ = gradient_sum(model, [batch])
    assert model.training
    assert not model[1].training
    assert model[2].training
    assert all(torch.equal(b, before[n]) for n, b in model.named_buffers())
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(first[n], second[n]) for n in first)


def test_frozen_parameters_are_absent_and_unused_ones_zero():
    class Partly(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.used(x)

    model = Partly()
    model.used.bias.requires_grad_(False)
    found, _ = gradient_sum(model, [(torch.eye(2), torch.tensor([0, 1]))])
    assert set(found) == {"used.weight", "unused.weight", "unused.bias"}
    assert not found["unused.weight"].any()
    assert found["used.weight"].any()


def test_a_learner_brings_its_own_loss():
    class Squares(Learner):
        def loss(self, logits, targets, reduction="mean"):
            return nn.functional.mse_loss(logits, targets, reduction=reduction)

    learner = Squares(nn.Linear(2, 1, bias=False))
    learner.network.weight.data = torch.tensor([[1.0, 2.0]])
    found, _ = gradient_sum(learner, [(torch.eye(2), torch.zeros(2, 1))])
    torch.testing.assert_close(found["network.weight"], torch.tensor([[2.0, 4.0]]).double())


def test_no_samples_give_zeros():
    found, count = gradient_sum(net(), [(torch.zeros(0, 3, 8, 8).double(), torch.zeros(0).long())])
    assert count == 0
    assert not any(tensor.any() for tensor in found.values())


def test_what_has_no_gradients_of_single_samples_is_refused():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, track_running_stats=False))
    with pytest.raises(UsageError, match="layer 1 normalises by the statistics of the batch"):
        gradient_sum(model, [])
    with pytest.raises(UsageError, match="no parameter"):
        gradient_sum(nn.Linear(2, 2).requires_grad_(False), [])
