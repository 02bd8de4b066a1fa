"""Gradients of many samples added up, however the samples are cut into batches."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mu.errors import UsageError
from mu.gradients.processes import own, summed
from mu.gradients.vectors import trained
from mu.models.base import Learner, as_batch, evaluation_mode


def gradient_sum(learner: nn.Module, batches: Iterable[Any]) -> tuple[dict[str, Tensor], int]:
    r"""Sum of the gradients of single samples' losses, and how many samples there were.

    .. math:: \sum_n \nabla_\theta \ell_n = \sum_b n_b \nabla_\theta \Big(\frac{1}{n_b}
        \sum_{n \in b} \ell_n\Big)

    Added up in float64, so that sums may be subtracted from one another; the second of two returned
    values turns it into a mean. Batch weights are not looked at. The model is in evaluation mode
    inside, and its modes are restored afterwards.

    Args:
        learner: A Learner with its loss, or any module that returns logits (cross-entropy).
        batches: ``(x, y)`` or `mu.data.base.Batch`; read once.

    Returns:
        Name → float64 tensor of the parameter's shape, for every parameter that requires a
        gradient, and the number of samples; zeros and 0 where there are no batches.

    Raises:
        UsageError: No parameter requires a gradient, or a layer mixes the samples of a batch even
            in evaluation mode.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = model.weight.data.fill_(0.0)
        >>> found, count = gradient_sum(model, [(torch.tensor([[2.0], [4.0]]), torch.ones(2))])
        >>> found["weight"].item(), count   # (sigmoid(0) - 1) · 2 and (sigmoid(0) - 1) · 4
        (-3.0, 2)
    """
    model = learner if isinstance(learner, Learner) else Learner(learner)
    parameters = trained(learner)
    if not parameters:
        raise UsageError("no parameter of the model requires a gradient")
    total = {name: torch.zeros_like(p, dtype=torch.float64) for name, p in parameters.items()}
    count = 0
    with evaluation_mode(learner), torch.enable_grad():
        refuse_batch_statistics(learner)
        for batch in own(map(as_batch, batches)):
            if not len(batch):
                continue
            loss = len(batch) * model.loss(*model.outputs(batch))
            found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
            for sum_, gradient in zip(total.values(), found, strict=True):
                if gradient is not None:
                    sum_ += gradient
            count += len(batch)
    total, (count,) = summed(total, count)
    return total, count


def refuse_batch_statistics(model: nn.Module) -> None:
    """Refuse a network in which a sample's gradient depends on the others of its batch.

    Args:
        model: In evaluation mode.

    Raises:
        UsageError: A batch normalisation without running statistics, or one that stays in training
            mode; it is named.
    """
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm) and (module.running_mean is None or module.training):
            raise UsageError(
                f"layer {name or type(module).__name__} normalises by the statistics of the batch "
                "even in evaluation mode, so no sample has features or a gradient of its own; give "
                "it running statistics (track_running_stats=True) or another normalisation"
            )
