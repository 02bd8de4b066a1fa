"""What a call may not touch: the caller's network and the process around it."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)
FLAGS: dict[str, Callable[[], Any]] = {
    "gradients": torch.is_grad_enabled,
    "inference mode": torch.is_inference_mode_enabled,
    "autocast": lambda: torch.is_autocast_enabled("cpu"),
    "default type": torch.get_default_dtype,
    "threads": torch.get_num_threads,
    "deterministic algorithms": torch.are_deterministic_algorithms_enabled,
    "matmul precision": torch.get_float32_matmul_precision,
    "oneDNN": lambda: torch.backends.mkldnn.enabled,
    "folder": os.getcwd,
    "files of the folder": lambda: sorted(os.listdir()),
    "handler of SIGTERM": lambda: signal.getsignal(signal.SIGTERM),
    "handler of SIGINT": lambda: signal.getsignal(signal.SIGINT),
    "environment": lambda: dict(os.environ),
    "random state of python": random.getstate,
    "random state of numpy": lambda: (
        np.random.get_state()[1].tobytes() + bytes([np.random.get_state()[2] % 251])
    ),
    "random state of torch": lambda: torch.get_rng_state().numpy().tobytes(),
}


def process() -> dict[str, Any]:
    return {name: read() for name, read in FLAGS.items()}


def left_behind(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What of the process differs; of the environment, which variables."""
    names = [name for name in differences(before, after) if name != "environment"]
    variables = differences(before["environment"], after["environment"])
    # OpenMP notes things of its own where a loader has workers.
    own = [name for name in variables if not name.startswith("KMP_")]
    return names + [f"environment variable {name}" for name in own]


def bits(tensor: Tensor | None) -> Any:
    """What is compared of a tensor; a copy."""
    if tensor is None:
        return None
    dense = tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()
    raw = dense.contiguous().flatten().view(torch.uint8).clone() if dense.numel() else None
    facts = (tensor.dtype, tuple(tensor.shape), str(tensor.device), dense.stride())
    return facts, None if raw is None else raw.numpy().tobytes()


def network(net: nn.Module) -> dict[str, Any]:
    """Everything of a network that its owner can see, by what it is."""
    found: dict[str, Any] = {}
    for name, tensor in [*net.named_parameters(), *net.named_buffers()]:
        found[f"tensor {name}"] = (id(tensor), tensor.requires_grad, bits(tensor))
        found[f"gradient of {name}"] = bits(tensor.grad)
    for name, module in net.named_modules():
        found[f"mode of {name}"] = module.training
        hooks = [len(getattr(module, hook, None) or ()) for hook in HOOKS]
        found[f"hooks of {name}"] = hooks
        found[f"attributes of {name}"] = (
            sorted(vars(module)),
            [own for own, _ in module.named_parameters(recurse=False)],
        )
    return found


def differences(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Names of what differs."""
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield name
