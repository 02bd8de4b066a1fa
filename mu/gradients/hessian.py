"""Products of the Hessian of a mean loss with a vector, by differentiating twice."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from mu.errors import UsageError
from mu.gradients.vectors import to_named, to_vector, trained
from mu.models.base import Learner, as_batch, evaluation_mode


def hessian_product(learner: Learner, batches: Iterable[Any], vector: Tensor) -> Tensor:
    r"""Hessian of the mean loss times a vector (Pearlmutter 1994).

    .. math:: H v = \nabla_\theta \big( \nabla_\theta L(\theta)^\top v \big),
        \qquad L = \frac{1}{n} \sum_b n_b L_b

    Accumulated in float64, so it does not depend on how the samples are cut into batches. The
    model is in evaluation mode inside. Attention takes its plain kernel, since the fused ones have
    no second derivative.

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
    parameters = trained(learner)
    pieces = list(to_named(vector, parameters).values())
    total, count = torch.zeros_like(vector, dtype=torch.float64), 0
    with evaluation_mode(learner), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        for item in batches:
            batch = as_batch(item)
            loss = len(batch) * learner.loss(*learner.outputs(batch))
            total += _product(loss, list(parameters.values()), pieces)
            count += len(batch)
    if count == 0:
        raise UsageError("there are no samples to take a Hessian of")
    return total / count


def _product(loss: Tensor, parameters: list[Any], pieces: list[Tensor]) -> Tensor:
    """(P,) float64: Hessian of one loss times a vector given in pieces."""
    gradients = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)
    known = [
        (gradient * piece).sum()
        for gradient, piece in zip(gradients, pieces, strict=True)
        if gradient is not None and gradient.requires_grad
    ]
    second: Any = [None] * len(parameters)
    if known:  # else the loss is linear in every parameter
        inner: Any = sum(known)
        refuse_once_differentiable(inner)
        try:
            second = torch.autograd.grad(inner, parameters, allow_unused=True)
        except RuntimeError as error:
            if "is not implemented" not in str(error):
                raise
            raise no_second_derivative(" ".join(str(error).split())[:200]) from error
    filled = [torch.zeros_like(p) if h is None else h for p, h in zip(pieces, second, strict=True)]
    return to_vector(dict(enumerate(filled)))  # type: ignore[arg-type]


def refuse_once_differentiable(value: Tensor) -> None:
    """Refuse a gradient that passed through an operation which can be differentiated only once.

    Such an operation cuts the graph behind it, so the second derivative would not fail but lack
    a part.

    Raises:
        UsageError: There is one.
    """
    ahead, seen = [value.grad_fn], set()
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.name().endswith("::Error"):
            raise no_second_derivative("a function marked once_differentiable")
        ahead += [before for before, _ in node.next_functions]


def no_second_derivative(what: str) -> UsageError:
    """The error for an operation that cannot be differentiated twice."""
    return UsageError(
        f"an operation of the network has no second derivative ({what}); "
        "take a curvature of first derivatives, such as woodfisher"
    )
