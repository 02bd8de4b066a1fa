"""Inner products of many pairs are those of few, and so are all their derivatives."""

import pytest
import torch
from torch.func import grad, hessian, jacrev, jvp, vmap

from mu.models import inner_products as module
from mu.models.inner_products import inner_products


@pytest.fixture
def z():
    return torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def pairs():
    return torch.randint(0, 5, (2, 11), generator=torch.Generator().manual_seed(1))


def in_blocks_of(size, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", size)
    monkeypatch.setattr(module, "MANY", size)


def plain(z, pairs):
    return (z[pairs[0]] * z[pairs[1]]).sum(-1, keepdim=True)


def loss(scores, z, pairs):
    return (scores(z, pairs).sin() ** 2).sum()


@pytest.mark.parametrize("block", [4, 11, 100])
def test_blocks_change_no_value_and_no_derivative(monkeypatch, z, pairs, block):
    in_blocks_of(block, monkeypatch)
    assert torch.equal(inner_products(z, pairs), plain(z, pairs))
    for derivative in (grad, hessian):
        found, wanted = (
            derivative(lambda rows, scores=scores: loss(scores, rows, pairs))(z)
            for scores in (inner_products, plain)
        )
        torch.testing.assert_close(found, wanted)
    along = torch.ones_like(z)
    found, wanted = (
        jvp(lambda rows, scores=scores: scores(rows, pairs), (z,), (along,))[1]
        for scores in (inner_products, plain)
    )
    torch.testing.assert_close(found, wanted)


def test_blocks_serve_autograd_twice(monkeypatch, z, pairs):
    in_blocks_of(4, monkeypatch)
    rows = z.requires_grad_()
    assert torch.autograd.gradcheck(inner_products, (rows, pairs), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(inner_products, (rows, pairs))


def test_blocks_serve_many_matrices_at_once(monkeypatch, z, pairs):
    in_blocks_of(4, monkeypatch)
    many = torch.stack([z, 2 * z])
    found, wanted = (
        vmap(grad(lambda rows, scores=scores: loss(scores, rows, pairs)))(many)
        for scores in (inner_products, plain)
    )
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(
        jacrev(lambda rows: inner_products(rows, pairs))(z),  # many gradients, one matrix
        jacrev(lambda rows: plain(rows, pairs))(z),
    )


def test_the_gradient_of_many_pairs_keeps_no_ends(monkeypatch):
    in_blocks_of(64, monkeypatch)
    z, pairs = torch.randn(100, 8, requires_grad=True), torch.randint(0, 100, (2, 5000))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        inner_products(z, pairs)
    assert sum(one.numel() for one in kept if one.is_floating_point()) <= z.numel()
