"""Per-sample gradients of linear layers, on vectors and on sequences."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from mu.gradients.sink import CACHED, Sink
from mu.gradients.uses import Use, samples_first


class Linear(Use):
    r"""A linear layer y = W x + b, on (n, T, in) or, with T = 1, on (n, in).

    The gradient of sample n is :math:`G_n = \sum_t g_{nt} x_{nt}^T`. For T = 1 the sum of squares
    needs no :math:`G_n`: it is :math:`(g \circ g)^T (x \circ x)`, and with absolute values alike.
    """

    def matrices(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """(n, T, out) and (n, T, in)."""
        n = len(self.x)
        return g.reshape(n, -1, g.shape[-1]), self.x.reshape(n, -1, self.x.shape[-1]).to(g.dtype)

    def size(self, role: str, g: Tensor) -> int:
        return g.shape[-1] * (self.x.shape[-1] if role == "weight" else 1)

    def per_sample(self, role: str, g: Tensor, rows: slice) -> Tensor:
        g, x = self.matrices(g)
        if role == "bias":
            return g[rows].sum(1)
        return torch.bmm(g[rows].transpose(1, 2), x[rows])

    def collect(self, g: Tensor, sink: Sink, roles: Iterable[str]) -> None:
        super().collect(g, sink, [role for role in roles if role != "weight"])
        if "weight" not in roles:
            return
        name = self.roles["weight"]
        g, x = self.matrices(g)
        if g.shape[1] == 1:
            power = torch.square if sink.power == "square" else torch.abs
            for group, rows in sink.parts(x.shape[-1] + g.shape[-1]):
                sink.sums(name, group).addmm_(power(g[rows, 0]).T, power(x[rows, 0]))
        else:
            size = g.shape[-1] * x.shape[-1]
            buffer = g.new_empty(max(1, CACHED // size), g.shape[-1], x.shape[-1])
            for group, rows in sink.parts(0):
                sink.add_products(sink.sums(name, group), g[rows], x[rows], buffer)


def make_linear(call: dict[str, Any], roles: dict[str, str], n: int) -> Use | None:
    """A use, or None where samples are not the first of at least two dimensions."""
    x = call["input"]
    return Linear(roles, x) if samples_first(x, n) and x.dim() > 1 else None
