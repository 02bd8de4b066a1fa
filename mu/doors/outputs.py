"""What a network returns, read as logits, and the targets that belong to them."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from mu.errors import UsageError

LOSSES = (
    "for several labels a sample loss=torch.nn.BCEWithLogitsLoss(), for shares of classes "
    "loss=torch.nn.CrossEntropyLoss(), for real values loss=torch.nn.MSELoss()"
)


def logits_of(found: Any, network: nn.Module) -> Tensor:
    """The tensor a network returns, or the ``logits`` among what it returns.

    Raises:
        UsageError: There are no logits in it.
    """
    if isinstance(found, Tensor):
        return found
    own = found.get("logits") if isinstance(found, Mapping) else getattr(found, "logits", None)
    if isinstance(own, Tensor):
        return own
    kind, name = type(found).__name__, type(network).__name__
    if isinstance(found, Mapping):
        what = f"a {kind} with {', '.join(repr(str(key)) for key in found)}"
    elif isinstance(found, tuple | list):
        what = f"a {kind} of {len(found)}"
    else:
        what = f"a {kind}"
    raise UsageError(
        f"{name} returns {what}, not logits (n, C); hand over a module whose forward returns them "
        "alone, such as one with return self.network(x)[0]"
    )


def fitted(logits: Tensor, targets: Tensor, network: nn.Module) -> tuple[Tensor, Tensor]:
    """Logits (n, C) or (n, 1), and class numbers (n,), for cross-entropy.

    One logit a sample may come without its dimension, and targets as a column; of one logit they
    may be the numbers 0.0 and 1.0. Nothing else is changed.

    Raises:
        UsageError: The shapes do not fit, or the targets are no class numbers.

    Example:
        >>> import torch
        >>> z, y = fitted(torch.zeros(2), torch.tensor([[1.0], [0.0]]), nn.Identity())
        >>> z.shape, y
        (torch.Size([2, 1]), tensor([1, 0]))
    """
    n = len(targets)
    if logits.dim() < 2 and logits.numel() == n:
        logits = logits.reshape(n, 1)
    if logits.dim() != 2 or len(logits) != n:
        raise UsageError(
            f"{type(network).__name__} returns a tensor of shape {tuple(logits.shape)} for {n} "
            "samples; logits (n, C) are needed, or the loss to use, as loss="
        )
    return logits, targets_of(targets, logits.shape[1])


def targets_of(targets: Tensor, columns: int) -> Tensor:
    """(n,) class numbers of targets that may be a column, or 0.0 and 1.0 for one logit.

    Args:
        targets: As they came.
        columns: Number of logits.

    Raises:
        UsageError: They are no class numbers.
    """
    if targets.dim() == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if targets.dim() != 1 or (targets.is_floating_point() and columns > 1):
        if targets.dim() == 2 and targets.shape[1] == columns > 1 and one_hot(targets):
            raise UsageError(
                f"targets of shape {tuple(targets.shape)} look one-hot, and class numbers (n,) are "
                "due: y.argmax(1) gives them; for several labels a sample "
                "loss=torch.nn.BCEWithLogitsLoss()"
            )
        raise UsageError(
            f"targets of shape {tuple(targets.shape)} and type {_type(targets)} are no class "
            f"numbers (n,) for {columns} logits; whole numbers are read as classes (y.long()), and "
            f"anything else needs its loss: {LOSSES}"
        )
    return targets.long() if targets.is_floating_point() else targets


def one_hot(targets: Tensor) -> bool:
    """Whether each row (n, C) holds a single 1 and else 0."""
    binary = bool(((targets == 0) | (targets == 1)).all())
    return binary and bool((targets.sum(1) == 1).all())


def check_classes(targets: Tensor, given: Tensor, columns: int) -> None:
    """Refuse class numbers that a network has no logit for.

    Args:
        targets: (n,) class numbers from `fitted`.
        given: Targets as they came, which may be numbers between 0 and 1.
        columns: Number of logits; 1 means the classes 0 and 1.

    Raises:
        UsageError: Naming the first.

    Example:
        >>> import torch
        >>> y = torch.tensor([0, 7])
        >>> check_classes(y, y, 3)
        Traceback (most recent call last):
        mu.errors.UsageError: label 7 is outside the 3 classes of the model (0 to 2)
    """
    classes = max(columns, 2)
    if given.is_floating_point():
        flat = given.reshape(-1)
        other = flat[(flat != 0) & (flat != 1)]
        if len(other):
            raise UsageError(
                f"a target of {float(other[0]):g} is neither 0 nor 1, as those of one logit are; "
                f"anything else needs its loss: {LOSSES}"
            )
    wrong = targets[(targets < 0) | (targets >= classes)]
    if len(wrong):
        way = "; leave samples without a label out" if int(wrong[0]) < 0 else ""
        raise UsageError(
            f"label {int(wrong[0])} is outside the {classes} classes of the model "
            f"(0 to {classes - 1}){way}"
        )


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
