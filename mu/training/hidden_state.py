"""What changes while a network trains and its state dicts do not say."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

PLAIN = (bool, int, float, str, type(None))
INSIDE, SHARED = "inside", "shared"


class NotCarried(Exception):
    """Something is held that nobody can write down and bring back."""


@cache
def _known() -> frozenset[str]:
    """Attributes that every optimiser has; a scheduler adds the last ones."""
    bare = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    return frozenset({*vars(bare), "step", "_opt_called", "_step_count"})


def of_optimizer(optimizer: Any) -> dict[str, Any]:
    """What an optimiser holds beside its state dict, as plain data.

    A SAM keeps another optimiser inside, whose momentum its own state dict may leave out; one of a
    user's own may count its steps in an attribute.

    Args:
        optimizer: An optimiser, or what one holds inside that has a state dict, too.

    Raises:
        NotCarried: Naming an attribute that is neither plain data, nor has a state dict, nor holds
            the weights themselves.
    """
    weights = {id(p) for g in getattr(optimizer, "param_groups", ()) for p in g["params"]}
    found: dict[str, Any] = {}
    for name, value in vars(optimizer).items():
        if name in _known() or callable(value) or holds(value, weights):
            continue
        if hasattr(value, "state_dict") and hasattr(value, "load_state_dict"):
            own = {"state_dict": value.state_dict(), SHARED: _shared(optimizer, value)}
            more = of_optimizer(value) if isinstance(value, Optimizer) else {}
            found[name] = {INSIDE: own | {"more": more}}
        elif is_plain(value):
            found[name] = value
        else:
            kind = type(optimizer).__name__
            raise NotCarried(f"{kind} keeps {name}, a {type(value).__name__}, outside of its state")
    return found


def into_optimizer(optimizer: Any, found: Mapping[str, Any]) -> None:
    """Bring back what `of_optimizer` found, after the state dict of the optimiser itself."""
    for name, value in found.items():
        if not (isinstance(value, dict) and INSIDE in value):
            setattr(optimizer, name, value)
            continue
        inner, own = getattr(optimizer, name), value[INSIDE]
        inner.load_state_dict(own["state_dict"])
        into_optimizer(inner, own["more"])
        for place, outer in own[SHARED]["groups"]:  # a schedule changes the outer ones
            inner.param_groups[place] = optimizer.param_groups[outer]
        if own[SHARED]["list"]:
            inner.param_groups = optimizer.param_groups
        if own[SHARED]["state"]:
            inner.state = optimizer.state


def _shared(outer: Any, inner: Any) -> dict[str, Any]:
    """Which groups, lists and states of an optimiser are those of the one around it."""
    theirs, ours = (getattr(one, "param_groups", []) for one in (outer, inner))
    places = [(i, j) for i, a in enumerate(ours) for j, b in enumerate(theirs) if a is b]
    state = getattr(inner, "state", None)
    return {
        "groups": places,
        "list": bool(ours) and ours is theirs,
        "state": state is not None and state is getattr(outer, "state", None),
    }


def is_plain(value: object) -> bool:
    """Whether it is numbers, words, tensors, and containers of them."""
    if isinstance(value, dict):
        return all(isinstance(k, str | int) and is_plain(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return isinstance(value, PLAIN) or (isinstance(value, Tensor) and value.is_leaf)


def holds(value: object, weights: set[int]) -> bool:
    """Whether it is, or lists, weights that are trained; who builds the optimiser gives it them."""
    if isinstance(value, list | tuple):
        return any(holds(one, weights) for one in value)
    return id(value) in weights


def of_modules(module: nn.Module) -> dict[str, dict[str, Any]]:
    """Numbers and tensors that modules keep as attributes or as buffers that are not persistent."""
    bare = set(vars(pl.LightningModule()))
    saved, found = module.state_dict(keep_vars=True), dict[str, dict[str, Any]]()
    kept = {id(tensor) for tensor in saved.values() if isinstance(tensor, Tensor)}
    for name, one in module.named_modules():
        held = {k: v for k, v in vars(one).items() if k not in bare}
        loose = {k: v for k, v in one._buffers.items() if v is not None and id(v) not in kept}
        own = {k: v for k, v in (held | loose).items() if _is_number(v)}
        if own:
            found[name] = own
    return found


def into_modules(module: nn.Module, found: Mapping[str, Mapping[str, Any]]) -> None:
    """Bring back what `of_modules` found."""
    for name, own in found.items():
        one = module.get_submodule(name)
        for key, value in own.items():
            there = getattr(one, key)
            setattr(one, key, value.to(there.device) if isinstance(there, Tensor) else value)


def _is_number(value: object) -> bool:
    if isinstance(value, Tensor):
        return value.is_leaf and not value.requires_grad and value.layout == torch.strided
    return type(value) in (bool, int, float)
