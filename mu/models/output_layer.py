"""The head of a network: its last linear layer, and what it reads."""

import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.base import Learner


def output_layer(network: nn.Module) -> nn.Linear:
    """The last linear layer in the order of definition.

    Raises:
        UsageError: There is none.

    Example:
        >>> output_layer(nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3))).out_features
        3
    """
    found = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not found:
        raise UsageError(
            f"{type(network).__name__} has no linear layer, so it has no head to tell from a trunk"
        )
    return found[-1]


def head_inputs(learner: Learner, batch: Batch, head: nn.Linear) -> tuple[Tensor, Tensor, Tensor]:
    """What the head reads (n, d), the logits (n, C) it makes of it, and the targets (n,).

    Gradients go through both; call it under `torch.no_grad` where they are not wanted.

    Raises:
        UsageError: The logits are not the outputs of the head.
    """
    seen: list[tuple[Tensor, Tensor]] = []
    hook = head.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    try:
        logits, targets = learner.outputs(batch)
    finally:
        hook.remove()
    if len(seen) != 1 or seen[0][1].shape != logits.shape or not torch.equal(seen[0][1], logits):
        raise UsageError(
            f"the logits of {type(learner.network).__name__} are not the outputs of its last "
            f"linear layer ({head.in_features} → {head.out_features}); it must end in one linear "
            "layer to be read there"
        )
    return seen[0][0], logits, targets
