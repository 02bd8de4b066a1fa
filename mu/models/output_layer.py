"""The head of a network: the linear layer that makes its logits, and what it reads."""

import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.base import Learner, evaluation_mode


def output_layer(network: nn.Module) -> nn.Linear:
    """The last linear layer in the order of definition, where there are no samples to ask with.

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


@torch.no_grad()
def head_of(learner: Learner, batch: Batch) -> nn.Linear:
    """The linear layer whose output is the logits, by a forward pass in evaluation mode.

    Neither the order of definition nor names matter, and layers that never run are no heads.

    Args:
        learner: Any network; its modes are restored afterwards.
        batch: On its device.

    Raises:
        UsageError: The logits are the output of no linear layer.
    """
    network = learner.network
    linear = {module: name for name, module in network.named_modules() if _is_linear(module)}
    if not linear:
        output_layer(network)
    seen: list[tuple[nn.Module, Tensor, Tensor]] = []
    hooks = [
        module.register_forward_hook(lambda m, _, y: seen.append((m, y, y.clone())))
        for module in linear
    ]
    try:
        with evaluation_mode(learner):
            logits, _ = learner.outputs(batch)
    finally:
        for hook in hooks:
            hook.remove()
    found = [module for module, output, copy in seen if _same(output, copy, logits)]
    if not found:
        last = f"{linear[seen[-1][0]]}: {seen[-1][0]}" if seen else "none"
        raise UsageError(
            f"the logits of {type(network).__name__} are not the outputs of a linear layer (the "
            f"last to run is {last}); it must end in one linear layer to have a head"
        )
    head: nn.Linear = found[-1]  # type: ignore[assignment]
    return head


def head_inputs(learner: Learner, batch: Batch, head: nn.Linear) -> tuple[Tensor, Tensor, Tensor]:
    """What the head reads (n, d), the logits (n, C) it makes of it, and the targets (n,).

    Gradients go through both; call it under `torch.no_grad` where they are not wanted.

    Raises:
        UsageError: The logits are not the outputs of the head, or it runs more than once.
    """
    seen: list[tuple[Tensor, Tensor, Tensor]] = []
    hook = head.register_forward_hook(
        lambda _, inputs, output: seen.append((inputs[0], output, output.detach().clone()))
    )
    try:
        logits, targets = learner.outputs(batch)
    finally:
        hook.remove()
    if len(seen) != 1 or not _same(*seen[0][1:], logits):
        raise UsageError(
            f"the logits of {type(learner.network).__name__} are not the outputs of its last "
            f"linear layer ({head.in_features} → {head.out_features}); it must end in one linear "
            "layer, run once, to be read there"
        )
    return seen[0][0], logits, targets


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear)


def _same(output: Tensor, copy: Tensor, logits: Tensor) -> bool:
    """Whether logits are an output itself, which ``copy`` holds as it was when it was made.

    Equal numbers are not enough: a second term may be zero today. Another type of numbers is.
    """
    if output.shape != logits.shape or not torch.equal(copy.to(logits.dtype), logits.detach()):
        return False
    return output.data_ptr() == logits.data_ptr() or output.dtype != logits.dtype


def name_of(network: nn.Module, head: nn.Module) -> str:
    """Dotted name of a module in its network; "" for the network itself."""
    names: dict[nn.Module, str] = {module: name for name, module in network.named_modules()}
    return names[head]


def check_free(head: nn.Linear) -> None:
    """Refuse a frozen head.

    Raises:
        UsageError: A parameter of it is frozen.
    """
    if not all(p.requires_grad for p in head.parameters()):
        raise UsageError(
            "the last linear layer is frozen in the model, and this method changes nothing else: "
            "set requires_grad to true there"
        )


def check_editable(network: nn.Module, head: nn.Linear) -> None:
    """Refuse a head that cannot be given other weights without changing anything else.

    Raises:
        UsageError: It is frozen, its weights are computed of others (a parametrisation, pruning),
            or another layer has the same tensor.
    """
    if "weight" not in head._parameters:
        raise UsageError(
            "the weights of the last linear layer are computed of others (a parametrisation, "
            "pruning); make them plain first with torch.nn.utils.parametrize."
            "remove_parametrizations, or prune.remove"
        )
    own = {id(p) for p in head.parameters()}
    for name, module in network.named_modules():
        if module is not head and any(id(p) in own for p in module.parameters(recurse=False)):
            raise UsageError(
                f"the last linear layer shares its weights with {name or 'the network'}, which "
                "would change with it; give the head weights of its own"
            )
    check_free(head)
