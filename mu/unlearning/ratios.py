"""Two importances of the same parameters (on D and on D_f): whether they fit, and their ratio."""

from collections.abc import Mapping
from math import isfinite

import torch
from torch import Tensor

from mu.errors import UsageError

Importance = Mapping[str, Tensor]


def check_importance(name: str, found: Importance, like: Importance | None = None) -> None:
    """Refuse importances that cannot be dampened by.

    Args:
        name: What they are called in messages.
        found: Parameter name → tensor.
        like: Others, or the parameters themselves, that they must fit.

    Raises:
        UsageError: A value is negative or not finite, all are zero, or a name or shape differs.
    """
    if like is not None:
        check_fit(name, found, like)
    largest = 0.0
    for key, tensor in found.items():
        if not tensor.numel():
            continue
        low, high = (float(bound) for bound in tensor.aminmax())  # both are NaN if one value is
        if not (isfinite(low) and isfinite(high)):
            raise UsageError(f"{name} of {key} is not a finite number; is the loss finite there?")
        if low < 0:
            raise UsageError(f"{name} of {key} is negative")
        largest = max(largest, high)
    if largest == 0:
        raise UsageError(f"{name} is zero everywhere: the loss has no gradient there")


def check_fit(name: str, found: Importance, like: Importance) -> None:
    """Refuse importances of other parameters.

    Raises:
        UsageError: A name or shape differs.
    """
    alone = sorted(set(found) ^ set(like))
    if alone:
        raise UsageError(f"{name} belongs to another model: only one of the two has {alone[0]}")
    for key, tensor in found.items():
        if tensor.shape != like[key].shape:
            shapes = f"{tuple(tensor.shape)} and {tuple(like[key].shape)}"
            raise UsageError(f"{name} belongs to another model: {key} has the shapes {shapes}")


def ratios(importance_full: Importance, importance_forget: Importance) -> dict[str, Tensor]:
    """I_Df / I_D in float64: 0 where I_Df is 0, infinite where only I_D is.

    Example:
        >>> full, forget = torch.tensor([2.0, 0.0, 0.0]), torch.tensor([4.0, 1.0, 0.0])
        >>> ratios({"w": full}, {"w": forget})["w"].tolist()
        [2.0, inf, 0.0]
    """
    names, forget = list(importance_forget), pooled(importance_forget).double()
    full = pooled({name: importance_full[name] for name in names}).double()
    ratio = torch.where(forget == 0, 0.0, forget / full)
    shapes = [importance_forget[name].shape for name in names]
    parts = torch.split(ratio, [shape.numel() for shape in shapes])
    return {n: part.view(shape) for n, part, shape in zip(names, parts, shapes, strict=True)}


def pooled(found: Importance) -> Tensor:
    """All values of all parameters as one vector."""
    return torch.cat([tensor.flatten() for tensor in found.values()])
