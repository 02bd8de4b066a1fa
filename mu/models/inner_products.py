"""Inner products of pairs of rows, with memory for a block of pairs at a time."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

MANY = 16_384  # pairs from which on they are taken block by block
BLOCK = 2048  # larger ones leave holes in the heap, and 64 MB more with the process


def inner_products(z: Tensor, pairs: Tensor) -> Tensor:
    """(n, 1) inner products of rows of z (N, d), for pairs (2, n) of their numbers.

    More than `MANY` pairs are taken block by block, also in the gradient, where autograd would
    keep both ends of all pairs. It can be differentiated any number of times, in both directions.

    Example:
        >>> inner_products(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[0, 1], [1, 1]]))
        tensor([[11.],
                [25.]])
    """
    if pairs.shape[1] <= MANY:
        return _products(z, z, pairs[0], pairs[1])
    found: Tensor = _InnerProducts.apply(z, pairs)
    return found


def _products(z: Tensor, other: Tensor, first: Tensor, second: Tensor) -> Tensor:
    ends = z.index_select(0, first), other.index_select(0, second)
    return (ends[0] * ends[1]).sum(-1, keepdim=True)


def _blocks(*found: Tensor) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(torch.split(one, BLOCK) for one in found), strict=True)


class _InnerProducts(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(z: Tensor, pairs: Tensor) -> Tensor:
        return torch.cat([_products(z, z, *ends) for ends in _blocks(*pairs)])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        z, pairs = ctx.saved_tensors
        found, add = torch.zeros_like(z), Tensor.index_add
        for first, second, weight in _blocks(*pairs, gradients[0]):
            found = add(found, 0, first, weight * z.index_select(0, second))
            add = Tensor.index_add_  # in place once it is of the gradients' kind: vmap asks for it
            found = add(found, 0, second, weight * z.index_select(0, first))
        return found, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
        z, pairs = ctx.saved_tensors
        moved = [
            _products(tangents[0], z, first, second) + _products(z, tangents[0], first, second)
            for first, second in _blocks(*pairs)
        ]
        return torch.cat(moved)
