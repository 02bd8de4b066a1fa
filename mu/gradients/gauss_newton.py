"""Products of the Gauss–Newton matrix of a mean loss with a vector."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from mu.data.base import Batch
from mu.gradients.twice import mean_product, refuse_once_differentiable
from mu.gradients.vectors import gradient_vector
from mu.models.base import Learner


def gauss_newton_product(learner: Learner, batches: Iterable[Any], vector: Tensor) -> Tensor:
    r"""Gauss–Newton matrix of the mean loss times a vector (Schraudolph 2002).

    .. math:: G v = \frac1n \sum_n J_n^\top \, \nabla_z^2 \ell_n \, J_n v, \qquad
        J_n = \frac{\partial z_n}{\partial \theta}

    with the logits z. It is the Hessian without the curvature of the network itself: the same for
    linear networks, and positive semi-definite for every loss that is convex in z, where the
    Hessian of a deep network is not. For cross-entropy it is the Fisher matrix.

    Read and accumulated as `mu.gradients.twice.mean_product` does.

    Args:
        learner: Its trained parameters are what is differentiated for.
        batches: ``(x, y)`` or `mu.data.base.Batch`; read once.
        vector: (P,) over the trained parameters in their order.

    Returns:
        (P,) float64.

    Raises:
        UsageError: There are no batches, or an operation can be differentiated only once.

    Example:
        >>> learner = Learner(torch.nn.Linear(1, 1, bias=False))
        >>> _ = learner.network.weight.data.fill_(0.0)
        >>> batch = (torch.tensor([[2.0]]), torch.tensor([1]))   # σ(0) (1 − σ(0)) · 2² = 1
        >>> gauss_newton_product(learner, [batch], torch.tensor([3.0])).item()
        3.0
    """

    def product(batch: Batch, parameters: list[Any], pieces: list[Tensor]) -> Tensor:
        logits, targets = learner.outputs(batch)
        change = _directional(logits, parameters, pieces)
        free = logits.detach().requires_grad_()
        loss = len(batch) * learner.loss(free, targets)
        return gradient_vector(logits, parameters, _output_product(loss, free, change))

    return mean_product(learner, batches, vector, product)


def _directional(logits: Tensor, parameters: list[Any], pieces: list[Tensor]) -> Tensor:
    """J v: the derivative of Jᵀu, which is linear in u, with respect to u."""
    u = torch.zeros_like(logits, requires_grad=True)
    back = torch.autograd.grad(logits, parameters, u, create_graph=True, allow_unused=True)
    known = [(b * p).sum() for b, p in zip(back, pieces, strict=True) if b is not None]
    inner: Any = sum(known)
    refuse_once_differentiable(inner)
    found: Tensor = torch.autograd.grad(inner, u, retain_graph=True)[0]
    return found


def _output_product(loss: Tensor, logits: Tensor, change: Tensor) -> Tensor:
    """The Hessian of a loss with respect to its logits, times their change."""
    (slope,) = torch.autograd.grad(loss, logits, create_graph=True)
    if not slope.requires_grad:  # a loss linear in the logits
        return torch.zeros_like(change)
    found: Tensor = torch.autograd.grad(slope, logits, change)[0]
    return found
