"""What is differentiated twice: products of a matrix with a vector, and what cannot be."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from mu.data.base import Batch
from mu.errors import UsageError
from mu.gradients.bags import twice_differentiable_bags
from mu.gradients.vectors import to_named, trained
from mu.models.base import Learner, as_batch, evaluation_mode

BLOCKED = "::Error"  # ends the name of what stands in the graph for `once_differentiable`


def mean_product(
    learner: Learner,
    batches: Iterable[Any],
    vector: Tensor,
    product: Callable[[Batch, list[Any], list[Tensor]], Tensor],
) -> Tensor:
    """A matrix that is a mean over samples, times a vector.

    Accumulated in float64, so it does not depend on how the samples are cut into batches. The
    model is in evaluation mode inside. Attention takes its plain kernel, and bags of embeddings are
    made of plain operations, since the fused ones have no second derivative.

    Args:
        learner: Its trained parameters are what is differentiated for.
        batches: ``(x, y)`` or `mu.data.base.Batch`; read once.
        vector: (P,) over the trained parameters in their order.
        product: Batch, trained parameters and the vector in their shapes → (P,) float64, summed
            over the batch.

    Returns:
        (P,) float64.

    Raises:
        UsageError: There are no batches, or an operation has no second derivative.
    """
    parameters = trained(learner)
    pieces = list(to_named(vector, parameters).values())
    total, count = torch.zeros_like(vector, dtype=torch.float64), 0
    plain = sdpa_kernel(SDPBackend.MATH), twice_differentiable_bags(learner)
    with evaluation_mode(learner), torch.enable_grad(), plain[0], plain[1]:
        for batch in map(as_batch, batches):
            try:
                total += product(batch, list(parameters.values()), pieces)
            except RuntimeError as error:
                if "is not implemented" not in str(error):
                    raise
                raise no_second_derivative(" ".join(str(error).split())[:200]) from error
            count += len(batch)
    if count == 0:
        raise UsageError("there are no samples to make a matrix of second derivatives of")
    return total / count


def is_cut_off(value: Tensor) -> bool:
    """Whether a gradient passed through an operation that can be differentiated only once.

    Such an operation cuts the graph behind it, so the second derivative would not fail but lack
    a part.
    """
    ahead, seen = [value.grad_fn], set()
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        if node.name().endswith(BLOCKED):
            return True
        seen.add(node)
        ahead += [before for before, _ in node.next_functions]
    return False


def refuse_once_differentiable(value: Tensor) -> None:
    """Refuse a gradient that `is_cut_off`.

    Raises:
        UsageError: It is.
    """
    if is_cut_off(value):
        raise no_second_derivative("a function marked once_differentiable")


def no_second_derivative(what: str) -> UsageError:
    """The error for an operation that cannot be differentiated twice."""
    return UsageError(
        f"an operation of the network has no second derivative ({what}); "
        "take a curvature of first derivatives, such as woodfisher"
    )
