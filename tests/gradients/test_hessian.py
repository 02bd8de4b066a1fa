import pytest
import torch
from influence_case import (
    Attention,
    golden_batches,
    golden_learner,
    golden_vector,
    regression,
    relative,
)
from torch import nn
from torch.autograd.function import once_differentiable

from mu.errors import UsageError
from mu.gradients.hessian import hessian_product
from mu.gradients.vectors import to_named, trained
from mu.models.base import Learner


def test_golden_product():
    g = golden_vector("update_grad")
    found = hessian_product(golden_learner(), golden_batches("remain"), g)
    assert relative(found, golden_vector("hessian/Hv")) < 1e-12


def test_it_does_not_depend_on_the_batches():
    learner, v = golden_learner(), golden_vector("update_grad")
    whole = hessian_product(learner, golden_batches("remain", 40), v)
    for size in (1, 7, 16):
        cut = hessian_product(learner, golden_batches("remain", size), v)
        assert relative(cut, whole) < 1e-12


def tiny():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    batches = [(torch.randn(n, 3).double(), torch.randint(3, (n,))) for n in (5, 2)]
    return Learner(network), batches


def dense(learner, batches):
    """The Hessian of the mean loss by torch.func."""
    x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    parameters = trained(learner)

    def loss(vector):
        named = to_named(vector, parameters)
        logits = torch.func.functional_call(learner, named, (x,))
        return nn.functional.cross_entropy(logits, y)

    point = torch.cat([p.detach().flatten() for p in parameters.values()])
    return torch.func.hessian(loss)(point)


def test_it_is_the_dense_hessian():
    learner, batches = tiny()
    wanted = dense(learner, batches)
    unit = torch.eye(len(wanted)).double()
    found = torch.stack([hessian_product(learner, batches, row) for row in unit])
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)


def test_it_is_the_product_of_another_library():
    curvlinops = pytest.importorskip("curvlinops", reason="curvlinops is not installed")
    learner, batches = tiny()
    wanted = curvlinops.HessianLinearOperator(
        learner.network, nn.CrossEntropyLoss(), list(learner.network.parameters()), batches
    )
    v = torch.randn(wanted.shape[1], dtype=torch.float64)
    assert relative(hessian_product(learner, batches, v), wanted @ v) < 1e-10


def test_gauss_newton_of_least_squares():
    x, y, learner = regression()
    v = torch.ones(4).double()
    assert relative(hessian_product(learner, [(x, y)], v), x.T @ (x @ v) / len(x)) < 1e-12


def test_frozen_parameters_have_no_place():
    learner, batches = tiny()
    learner.network[0].requires_grad_(False)
    found = hessian_product(learner, batches, torch.ones(15).double())
    assert found.shape == (15,)


def test_the_modes_and_the_running_statistics_stay():
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    learner = Learner(network).train()
    before = network[1].running_mean.clone()
    batches = [(torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2]))]
    v = torch.ones(sum(p.numel() for p in network.parameters())).double()
    first, second = (hessian_product(learner, batches, v) for _ in range(2))
    assert torch.equal(first, second) and network.training
    assert torch.equal(before, network[1].running_mean)


def test_fused_attention_takes_its_plain_kernel():
    torch.manual_seed(0)
    network = Attention().double()
    batches = [(torch.randn(3, 5, 4).double(), torch.tensor([0, 1, 1]))]
    learner, step = Learner(network), 1e-5
    v = torch.randn(sum(p.numel() for p in network.parameters())).double()

    def gradient_at(shift):
        named = {n: p + shift * q for (n, p), q in zip(*moved(network, v), strict=True)}
        named = {n: t.detach().requires_grad_() for n, t in named.items()}
        x, y = batches[0]
        loss = nn.functional.cross_entropy(torch.func.functional_call(network, named, (x,)), y)
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(named.values()))])

    wanted = (gradient_at(step) - gradient_at(-step)) / (2 * step)
    assert relative(hessian_product(learner, batches, v), wanted) < 1e-6


def moved(network, v):
    return trained(network).items(), to_named(v, trained(network)).values()


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        return 2 * ctx.saved_tensors[0] * gradient


def test_an_operation_without_a_second_derivative_is_named():
    class Network(nn.Linear):
        def forward(self, x):
            return Once.apply(super().forward(x))

    learner = Learner(Network(3, 2))
    batch = (torch.randn(2, 3), torch.tensor([0, 1]))
    with pytest.raises(UsageError, match=r"no second derivative \(.*once_differentiable"):
        hessian_product(learner, [batch], torch.ones(8).double())


def test_no_samples_are_refused():
    with pytest.raises(UsageError, match="no samples"):
        hessian_product(golden_learner(), [], golden_vector("update_grad"))
