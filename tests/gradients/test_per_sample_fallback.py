"""What has no formula is still exact, what mixes samples is refused, and nothing is changed."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from per_sample_case import Body, assert_same, by_formula, images, learner_of, loop, losses
from torch import nn
from torch.nn import functional

from mu.data.base import Batch
from mu.errors import UsageError
from mu.gradients.per_sample import per_sample_sums
from mu.models.base import Learner
from mu.models.graph import GCN
from mu.models.vision import CifarResNet, SmallCNN

__all__ = ["by_formula"]


class Functional(nn.Module):
    """Parameters that reach the logits outside of any layer."""

    def __init__(self, way):
        super().__init__()
        self.way, self.weight = way, nn.Parameter(torch.randn(4, 6))
        self.other = nn.Parameter(torch.randn(4, 6))

    def forward(self, x):
        return self.way(self, x.mean((2, 3)))


class Product(torch.autograd.Function):
    """Hides its weight from anything that looks at calls."""

    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return x @ weight.T

    @staticmethod
    def backward(ctx, g):
        x, weight = ctx.saved_tensors
        return g @ weight, g.T @ x


WAYS = {
    "product": lambda s, x: x @ s.weight.T + x @ s.other.T,
    "derived": lambda s, x: functional.linear(x, s.weight * s.other),
    "hidden": lambda s, x: Product.apply(x, s.weight) + functional.linear(x, s.other),
    "layer and otherwise": lambda s, x: (
        functional.linear(x, s.weight) + s.weight.square().sum(1) * functional.linear(x, s.other)
    ),
    "row": lambda s, x: functional.linear(x, s.other) * s.weight[0, :4],
    "samples second": lambda s, x: (
        functional.linear(x.T.contiguous().T, s.weight) + torch.einsum("nc,kc->nk", x, s.other)
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_other_uses_get_a_backward_pass_a_sample(name, by_formula):
    learner = learner_of(Functional(WAYS[name]))
    x, y = images(6, 6, 2, 2)
    found = per_sample_sums(learner, [(x, y)], losses)
    expected = loop(learner, x, y)
    assert all(value.any() for value in expected.values())
    assert_same(found.total, expected)
    assert True not in by_formula


MODULES = {
    "transposed": lambda: nn.ConvTranspose2d(6, 3, 2),
    "weight norm": lambda: nn.utils.parametrizations.weight_norm(nn.Conv2d(6, 3, 3)),
    "prelu": lambda: nn.PReLU(6),
    "attention": lambda: Attention(),
}


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)

    def forward(self, x):
        tokens = x.flatten(2).transpose(1, 2)
        return self.attention(tokens, tokens, tokens, need_weights=False)[0].transpose(1, 2)


@pytest.mark.parametrize("name", MODULES)
def test_modules_without_a_formula(name):
    torch.manual_seed(0)
    body = MODULES[name]()
    learner = learner_of(Body(body, body(torch.zeros(2, 6, 5, 5)).shape[1]))
    x, y = images(5, 6, 5, 5)
    assert_same(per_sample_sums(learner, [(x, y)], losses).total, loop(learner, x, y))


class Second(nn.Module):
    """Samples are the second dimension of what the layer sees."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.Linear(6, 6), nn.Linear(6, 4)

    def forward(self, x):
        tokens = x.flatten(2).permute(2, 0, 1)  # (places, n, channels)
        return self.head(self.layer(tokens).tanh().mean(0))


@pytest.mark.parametrize("n", [2, 4, 5])
def test_samples_that_are_not_first_are_not_mistaken(n):
    learner = learner_of(Second())
    x, y = images(n, 6, 2, 2)  # with n = 4 there are as many places as samples
    assert_same(per_sample_sums(learner, [(x, y)], losses).total, loop(learner, x, y))


class Changing(nn.Module):
    """Reads a convolution behind its normalisation's back, but not for the first samples."""

    def __init__(self, how):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 4)
        self.how = how

    def forward(self, x):
        found = self.conv(x)
        if x.max() < 50:
            return self.head(self.norm(found).relu().mean((2, 3)))
        if self.how == "skipped":
            return self.head(found.relu().mean((2, 3)))
        if self.how == "in place":
            return self.head(self.norm(found.mul_(2.0)).mean((2, 3)))
        return self.head((self.norm(found) + self.norm(self.conv(x.flip(1)))).mean((2, 3)))


@pytest.mark.parametrize("how", ["skipped", "in place", "twice"])
def test_what_goes_otherwise_later_is_not_folded(how):
    learner = learner_of(Changing(how))
    x, y = images(5, 6, 5, 5)
    x[2:, 0, 0, 0] = 100.0
    found = per_sample_sums(learner, [(x[:2], y[:2]), (x[2:], y[2:])], losses).total
    assert_same(found, loop(learner, x, y))


def test_frozen_parameters_are_absent_and_the_rest_is_right(by_formula):
    learner = learner_of(CifarResNet(8, 3, 4))
    for name, parameter in learner.named_parameters():
        parameter.requires_grad_("layer2" in name and "bn1.weight" not in name)
    x, y = images(4, 3, 16, 16)
    found = per_sample_sums(learner, [(x, y)], losses)
    assert "network.conv1.weight" not in found.total and len(found.total) == 5
    assert_same(found.total, loop(learner, x, y))
    assert by_formula == [True]
    learner.requires_grad_(False)
    assert per_sample_sums(learner, [(x, y)], losses).total == {}


def test_selected_samples_are_summed_apart():
    learner = learner_of(SmallCNN(1, 4, 8, 4, 8))
    x, y = images(11, 1, 8, 8)
    batches = [(x[:6], y[:6]), (x[6:], y[6:])]
    found = per_sample_sums(learner, batches, losses, select=lambda b: b.y == 2, memory_mb=1)
    assert 0 < found.count_selected == int((y == 2).sum()) < 11
    assert_same(found.total, loop(learner, x, y))
    assert_same(found.selected, loop(learner, x[y == 2], y[y == 2]))
    nobody = per_sample_sums(learner, batches, losses, select=lambda b: b.y > 9)
    assert nobody.count_selected == 0 and not any(v.any() for v in nobody.selected.values())
    with pytest.raises(UsageError, match="one boolean a sample"):
        per_sample_sums(learner, batches, losses, select=lambda b: b.y)


LEARNER = learner_of(SmallCNN(1, 4, 8, 4, 8))
X, Y = images(12, 1, 8, 8)
EXPECTED = loop(LEARNER, X, Y)


@given(st.permutations(range(12)), st.integers(1, 12), st.sampled_from([1e-4, 0.01, 64]))
def test_neither_order_nor_batches_nor_memory_matter(order, size, memory):
    order = torch.tensor(order)
    batches = [(X[part], Y[part]) for part in order.split(size)]
    found = per_sample_sums(LEARNER, batches, losses, memory_mb=memory)
    assert_same(found.total, EXPECTED)


def test_nothing_is_changed_and_float32_is_close():
    learner = learner_of(CifarResNet(8, 3, 4))
    expected = loop(learner, *images(5, 3, 16, 16))
    learner = learner.float().train()
    learner.network.bn1.eval()
    for parameter in learner.parameters():
        parameter.grad = torch.ones_like(parameter)
    before, state = copy.deepcopy(learner), {n: m.training for n, m in learner.named_modules()}
    x, y = images(5, 3, 16, 16)
    x = x.float().requires_grad_()
    found = per_sample_sums(learner, [(x, y)], losses)
    assert_same({n: t.double() for n, t in found.total.items()}, expected, tolerance=1e-3)
    assert all(t.dtype == torch.float32 and t.is_contiguous() for t in found.total.values())
    assert {n: m.training for n, m in learner.named_modules()} == state and x.grad is None
    for one, other in zip(learner.parameters(), before.parameters(), strict=True):
        assert torch.equal(one, other) and torch.equal(one.grad, torch.ones_like(one))
        assert one.requires_grad and not one._backward_hooks
    assert all(map(torch.equal, learner.buffers(), before.buffers()))
    assert "forward" not in vars(learner.network.conv1)


def test_half_precision_is_near():
    learner = learner_of(CifarResNet(8, 3, 4))
    x, y = images(5, 3, 16, 16)
    expected = loop(learner, x, y)
    learner.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = per_sample_sums(learner, [(x.float(), y)], losses)
    assert_same({n: t.double() for n, t in found.total.items()}, expected, tolerance=0.3)


class Centred(nn.Module):
    def forward(self, x):
        return x - x.mean(0, keepdim=True)


class Stubborn(nn.BatchNorm2d):
    """Stays in training mode."""

    def train(self, mode=True):
        return super().train(True)


MIXING = {
    "without statistics": (lambda: nn.BatchNorm2d(6, track_running_stats=False), "body.*statistic"),
    "training mode": (lambda: Stubborn(6), "body.*statistics of the batch"),
    "centred": (lambda: Centred(), "body mixes the samples"),
}


@pytest.mark.parametrize("name", MIXING)
def test_layers_that_mix_samples_are_refused_by_name(name):
    make, message = MIXING[name]
    learner = Learner(Body(make(), 6).double())
    x, y = images(5, 6, 3, 3)
    before = copy.deepcopy(learner.state_dict())
    with pytest.raises(UsageError, match=message):
        per_sample_sums(learner, [(x[:1], y[:1]), (x, y)], losses)
    assert learner.training
    for key, value in learner.state_dict().items():
        assert torch.equal(value, before[key])


def test_bad_words():
    x, y = images(3, 1, 8, 8)
    with pytest.raises(UsageError, match="power='cube'"):
        per_sample_sums(LEARNER, [(x, y)], losses, power="cube")
    with pytest.raises(UsageError, match="memory_mb=0"):
        per_sample_sums(LEARNER, [(x, y)], losses, memory_mb=0)
    with pytest.raises(UsageError, match=r"shape \(\)"):
        per_sample_sums(LEARNER, [(x, y)], functional.cross_entropy)


def test_graphs_share_one_forward_pass():
    from mu.data.graphs import GraphInput, adjacency

    torch.manual_seed(0)
    edges = torch.tensor([[0, 1], [1, 2], [2, 3], [0, 3]]).numpy()
    graph = GraphInput(torch.randn(5, 6), adjacency(edges, 5), nodes=torch.tensor([0, 2, 4]))
    learner, y = Learner(GCN(6, 4, 3)).eval(), torch.tensor([0, 1, 2])
    batch = Batch(graph, y, torch.tensor([7, 8, 9]))
    found = per_sample_sums(learner, [batch], losses, select=lambda b: b.index == 8)
    named = dict(learner.named_parameters())
    values = losses(learner(graph), y)
    single = [torch.autograd.grad(v, list(named.values()), retain_graph=True) for v in values]
    for name, *gradients in zip(named, *single, strict=True):
        torch.testing.assert_close(found.total[name], torch.stack(gradients).square().sum(0))
        torch.testing.assert_close(found.selected[name], gradients[1].square())
