"""Sign descent: every weight moves by the learning rate, in the direction of its gradient."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from mu.errors import UsageError


class SignDescent(torch.optim.Optimizer):
    r"""θ ← θ − η sign(g); a weight without gradient stays (the lower level of arXiv 2403.07362).

    Args:
        params: Weights, or groups of them.
        lr: η > 0.

    Raises:
        UsageError: η is not positive.

    Example:
        >>> weight = torch.nn.Parameter(torch.tensor([1.0, 1.0]))
        >>> weight.grad = torch.tensor([-5.0, 0.0])
        >>> SignDescent([weight], lr=0.5).step()
        >>> weight.data
        tensor([1.5000, 1.0000])
    """

    def __init__(self, params: Iterable[Any], lr: float) -> None:
        if not lr > 0:
            raise UsageError(f"lr={lr} must be positive")
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Tensor | None:  # type: ignore[override]
        """One step; ``closure`` recomputes the loss, as for any optimiser."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.sub_(weight.grad.sign(), alpha=group["lr"])
        return loss
