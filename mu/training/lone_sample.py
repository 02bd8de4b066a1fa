"""Batch normalisation of a single value a channel, of which training cannot take a variance."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)

from mu.errors import UsageError


@contextmanager
def lone_samples_served() -> Iterator[None]:
    """Inside, a layer that is handed one value a channel in training mode uses its running ones.

    Its statistics then stay as they are; nothing else changes. The layer is asked, not the model,
    so that copies which a method makes are served too and keep no hook.
    """
    evaluated: list[nn.Module] = []

    def before(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if isinstance(module, _BatchNorm) and module.training and _is_lone(inputs):
            if module.running_mean is None:
                raise UsageError(
                    f"{type(module).__name__}(track_running_stats=False) has no statistics for a "
                    "batch of one sample; hand over batches of two or more"
                )
            module.training = False
            evaluated.append(module)

    def after(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if evaluated and evaluated[-1] is module:
            evaluated.pop().training = True

    handles = [
        register_module_forward_pre_hook(before),
        register_module_forward_hook(after, always_call=True),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _is_lone(inputs: tuple[Any, ...]) -> bool:
    """Whether the input (n, C, …) has one value a channel."""
    x = inputs[0] if inputs else None
    return isinstance(x, Tensor) and x.dim() > 1 and x.numel() == x.shape[1]
