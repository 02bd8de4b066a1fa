"""A linear layer with a low-rank adapter, whose backward pass never forms a weight gradient."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class LowRank(torch.autograd.Function):
    """y = x (W + s B A)ᵀ + b, differentiable in x, A and B; W and b are frozen.

    The merged weight makes one product forward and one backward. The gradients of A and B need only
    products with r columns, where autograd through the merged weight would form that of W.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float
    ) -> Tensor:
        merged = torch.addmm(weight, b, a, alpha=scale)
        ctx.save_for_backward(x, merged, a, b)
        ctx.scale = scale
        return functional.linear(x, merged.to(x.dtype), None if bias is None else bias.to(x.dtype))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x, merged, a, b = ctx.saved_tensors
        grad, scale = grads[0], ctx.scale
        rows, out = x.flatten(0, -2), grad.flatten(0, -2)
        narrow = out @ b.to(out.dtype)
        grad_a = scale * (narrow.T @ rows) if ctx.needs_input_grad[3] else None
        grad_b = scale * (out.T @ (rows @ a.T.to(rows.dtype))) if ctx.needs_input_grad[4] else None
        grad_x = grad @ merged.to(grad.dtype) if ctx.needs_input_grad[0] else None
        found = [None if g is None else g.to(p.dtype) for g, p in ((grad_a, a), (grad_b, b))]
        return grad_x, None, None, *found, None


class LoRALinear(nn.Module):
    r"""A frozen linear layer with y = (W + s B A) x + b (Hu et al., arXiv 2106.09685).

    Args:
        base: W (out, in) and b; frozen here, changed by `merge` alone.
        rank: R.
        scale: S; 1/r where None.
        generator: Draws A uniformly from ±``width``/√in; B starts at zero, so that nothing changes.
        width: 1 is Kaiming's a = √5.

    Example:
        >>> base = nn.Linear(3, 2)
        >>> layer, x = LoRALinear(base, rank=1), torch.ones(4, 3)
        >>> torch.equal(layer(x), base(x))
        True
    """

    def __init__(
        self,
        base: nn.Linear,
        rank: int = 8,
        scale: float | None = None,
        generator: torch.Generator | None = None,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.scale = 1 / rank if scale is None else scale
        bound = width * base.in_features**-0.5
        drawn = torch.rand(rank, base.in_features, generator=generator)
        self.A = nn.Parameter(((2 * drawn - 1) * bound).to(base.weight))
        self.B = nn.Parameter(base.weight.new_zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        kind = x.device.type
        if torch.is_autocast_enabled(kind):
            x = x.to(torch.get_autocast_dtype(kind))
        found: Tensor = LowRank.apply(
            x, self.base.weight, self.base.bias, self.A, self.B, self.scale
        )
        return found

    @property
    def delta(self) -> Tensor:
        """S B A, (out, in)."""
        return self.scale * (self.B @ self.A)

    @torch.no_grad()
    def merge(self) -> nn.Linear:
        """The plain layer, with the adapter added to its weight once."""
        self.base.weight += self.delta
        return self.base
