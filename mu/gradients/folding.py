"""Batch normalisation with running statistics, folded into the convolution before it."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from mu.gradients.convolution import (
    SHIFTED,
    Convolution,
    Geometry,
    add_kernel,
    restore_shifted,
)
from mu.gradients.sink import Sink

LEAST = 0.03  # |γ| ÷ max(|γ|, |β|) from which x̂ may be had from the output


class Fold:
    r"""A convolution and the normalisation after it as one convolution.

    .. math:: y = \gamma \frac{W * x + b - \mu}{\sigma} + \beta = (s W) * x + (s (b - \mu) + \beta),
        \qquad s = \gamma / \sigma

    Args:
        convolution: Arguments of the convolution.
        normalisation: Arguments of the normalisation, with running statistics.
        roles: Role of the normalisation's parameters → name.
    """

    def __init__(
        self, convolution: dict[str, Any], normalisation: dict[str, Any], roles: dict[str, str]
    ) -> None:
        names = {"weight": "scale", "bias": "shift"}
        self.roles = {names[role]: name for role, name in roles.items()}
        self.kernel = convolution["weight"].detach()
        self.mean = normalisation["running_mean"]
        variance = normalisation["running_var"]
        self.sigma = (variance + normalisation.get("eps", 1e-5)).sqrt()
        gamma, beta = normalisation.get("weight"), normalisation.get("bias")
        self.gamma = torch.ones_like(self.sigma) if gamma is None else gamma.detach()
        self.beta = torch.zeros_like(self.sigma) if beta is None else beta.detach()
        bias = convolution.get("bias")
        self.bias = torch.zeros_like(self.sigma) if bias is None else bias.detach()
        self.factor = self.gamma / self.sigma
        # Channels last whatever the model's own layout, so that it is not converted every batch.
        last = (self.kernel * self.spread(self.factor)).movedim(1, -1).contiguous()
        self.weight = last.movedim(-1, 1)
        self.offset = self.factor * (self.bias - self.mean) + self.beta
        largest = torch.maximum(self.gamma.abs(), self.beta.abs())
        self.invertible = bool((self.gamma.abs() > LEAST * largest).all())

    def spread(self, values: Tensor) -> Tensor:
        """(C_out,) values beside a kernel."""
        return values.reshape(-1, *(1,) * (self.kernel.dim() - 1))


class FoldedConvolution(Convolution):
    """A folded convolution: the gradient arrives at the output of the normalisation.

    Args:
        roles: "weight" and "bias" of the convolution, "scale" and "shift".
        x: (n, C, …) input.
        fold: Both layers.
        form: Geometry of the convolution.
        y: The output.
    """

    def __init__(
        self, roles: dict[str, str], x: Tensor, fold: Fold, form: Geometry, y: Tensor
    ) -> None:
        super().__init__(roles, x, fold.kernel.shape, form)
        self.fold = fold
        kernel, places = fold.kernel[0].numel(), y[0, 0].numel()
        by_output = fold.invertible and places <= kernel and "scale" in roles
        # A copy: what follows, a ReLU or a sum with the shortcut, may overwrite the output.
        self.y = y.detach().clone() if by_output else None

    def sums(self, sink: Sink, group: int, layout: str, shape: tuple[int, ...]) -> Tensor:
        """Running sums for the folded kernel; its gradient is s times smaller than the kernel's."""
        fold, order = self.fold, restore_shifted if layout == SHIFTED else self.restore
        power = torch.square if sink.power == "square" else torch.abs

        def restore(values: Tensor) -> Tensor:
            return order(values) * fold.spread(power(fold.factor))

        return sink.sums(self.roles["weight"], group, f"folded {layout}", shape, restore)

    def collect(self, g: Tensor, sink: Sink, roles: Iterable[str]) -> None:
        fold = self.fold
        want = "scale" in self.roles and self.y is None
        inner = add_kernel(self, g, sink, fold.kernel if want else None)
        total = g.flatten(2).sum(2)
        found = {"shift": total, "bias": total * fold.factor}
        if want:
            found["scale"] = (inner + total * (fold.bias - fold.mean)) / fold.sigma
        elif self.y is not None:
            product = (g * self.y).flatten(2).sum(2)
            found["scale"] = (product - fold.beta * total) / fold.gamma
        for role, gradients in found.items():
            if role in self.roles:
                for group, rows in sink.parts(len(fold.factor)):
                    sink.add(self.roles[role], group, gradients[rows])
