"""Mean of a function of the gradients of batches, shared by methods that weigh parameters so."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from mu.models.base import Learner, as_batch, evaluation_mode

Loss = Callable[[Tensor, Tensor], Tensor]


def mean_over_batches(
    model: nn.Module,
    batches: Iterable[Any],
    transform: Callable[[Tensor], Tensor],
    loss: Loss,
) -> dict[str, Tensor]:
    """Mean over batches of ``transform(gradient of the batch's mean loss)``.

    Args:
        model: A Learner or any module that returns logits; put in evaluation mode and restored.
        batches: ``(x, y)`` or `Batch`; read once.
        transform: Element-wise function of a gradient.
        loss: (logits, targets) → (n,) losses.

    Returns:
        A tensor for each parameter that requires a gradient.

    Raises:
        ValueError: There are no batches.
    """
    learner = model if isinstance(model, Learner) else Learner(model)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    total = {name: torch.zeros_like(p) for name, p in trained.items()}
    count = 0
    with evaluation_mode(model), torch.enable_grad():
        for item in batches:
            count += 1
            value = loss(*learner.outputs(as_batch(item))).mean()
            if not value.requires_grad:
                continue
            gradients = torch.autograd.grad(value, list(trained.values()), allow_unused=True)
            for sum_, gradient in zip(total.values(), gradients, strict=True):
                if gradient is not None:
                    sum_ += transform(gradient)
    if count == 0:
        raise ValueError("there are no batches to take gradients of")
    return {name: value / count for name, value in total.items()}
