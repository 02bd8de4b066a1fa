"""A call on a user's own things leaves nothing behind: copies of networks, and the state around."""

import copy
import os
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from mu.doors.interrupts import interruptible

Module = TypeVar("Module", bound=nn.Module)


def copied(module: Module) -> Module:
    """A deep copy without gradients.

    It serves modules that hold tensors which are computed anew in each forward pass (pruning,
    weight and spectral normalisation by hooks); torch refuses to copy those.

    Example:
        >>> from torch.nn.utils import prune
        >>> layer = prune.l1_unstructured(nn.Linear(4, 2), "weight", 0.5)
        >>> bool((copied(layer).weight == layer.weight).all())
        True
    """
    computed = {
        id(value): value.detach().clone()
        for part in module.modules()
        for value in vars(part).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    found = copy.deepcopy(module, dict(computed))
    for parameter in found.parameters():
        parameter.grad = None
    return found


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, every module's own mode restored afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and torch; unlike Lightning's, it leaves the environment alone."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Gradients on and autocast off inside; all that a call may change is restored afterwards.

    That is: the random state of Python, numpy and torch, the environment, and torch's flags. Ctrl-C
    ends it at once (`mu.doors.interrupts`).
    """
    environment = dict(os.environ)
    python, array = random.getstate(), np.random.get_state()
    strict, benchmark = _deterministic(), torch.backends.cudnn.benchmark
    devices = list(range(torch.cuda.device_count()))
    with ExitStack() as stack:
        stack.enter_context(interruptible())
        stack.enter_context(torch.random.fork_rng(devices=devices))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for device in ("cpu", *(["cuda"] if devices else [])):
            stack.enter_context(torch.autocast(device, enabled=False))
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(array)
            if _deterministic() != strict:  # torch imports its compiler for it: that takes seconds
                torch.use_deterministic_algorithms(strict[0], warn_only=strict[1])
            torch.backends.cudnn.benchmark = benchmark
            for name in os.environ.keys() - environment.keys():
                del os.environ[name]
            os.environ.update(environment)


def _deterministic() -> tuple[bool, bool]:
    """Whether torch is to take deterministic algorithms only, and to warn only."""
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


@contextmanager
def where_it_lies(module: nn.Module, device: str) -> Iterator[None]:
    """The module on a device inside, and back where it was afterwards.

    Tensors of one module may lie on several devices; each returns to its own.
    """
    tensors = [*module.parameters(), *module.buffers()]
    homes = [tensor.device for tensor in tensors]
    target = torch.empty(0, device=device).device
    if all(home == target for home in homes):
        yield
        return
    module.to(device)
    try:
        yield
    finally:
        if len(set(homes)) == 1:
            module.to(homes[0])
        else:
            for tensor, home in zip(tensors, homes, strict=True):
                tensor.data = tensor.data.to(home)
