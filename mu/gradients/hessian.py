"""Products of the Hessian of a mean loss with a vector, by differentiating twice."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from mu.data.base import Batch
from mu.gradients.twice import mean_product, refuse_once_differentiable
from mu.gradients.vectors import gradient_vector
from mu.models.base import Learner


def hessian_product(learner: Learner, batches: Iterable[Any], vector: Tensor) -> Tensor:
    r"""Hessian of the mean loss times a vector (Pearlmutter 1994).

    .. math:: H v = \nabla_\theta \big( \nabla_\theta L(\theta)^\top v \big),
        \qquad L = \frac{1}{n} \sum_b n_b L_b

    Read and accumulated as `mu.gradients.twice.mean_product` does.

    Args:
        learner: Its trained parameters are what is differentiated for.
        batches: ``(x, y)`` or `mu.data.base.Batch`; read once.
        vector: (P,) over the trained parameters in their order.

    Returns:
        (P,) float64.

    Raises:
        UsageError: There are no batches, or an operation of the network has no second derivative.

    Example:
        >>> class Squares(Learner):
        ...     def loss(self, logits, targets, reduction="mean"):
        ...         return torch.nn.functional.mse_loss(logits, targets, reduction=reduction)
        >>> learner = Squares(torch.nn.Linear(2, 1, bias=False))
        >>> batch = (torch.eye(2), torch.zeros(2, 1))   # the loss is (w₀² + w₁²) / 2
        >>> hessian_product(learner, [batch], torch.tensor([3.0, 4.0])).tolist()
        [3.0, 4.0]
    """

    def product(batch: Batch, parameters: list[Any], pieces: list[Tensor]) -> Tensor:
        loss = len(batch) * learner.loss(*learner.outputs(batch))
        return _product(loss, parameters, pieces)

    return mean_product(learner, batches, vector, product)


def _product(loss: Tensor, parameters: list[Any], pieces: list[Tensor]) -> Tensor:
    """(P,) float64: Hessian of one loss times a vector given in pieces."""
    gradients = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)
    known = [
        (gradient * piece).sum()
        for gradient, piece in zip(gradients, pieces, strict=True)
        if gradient is not None and gradient.requires_grad
    ]
    if not known:  # the loss is linear in every parameter
        return torch.zeros(sum(p.numel() for p in pieces), dtype=torch.float64, device=loss.device)
    inner: Any = sum(known)
    refuse_once_differentiable(inner)
    return gradient_vector(inner, parameters)
