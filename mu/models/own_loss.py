"""A network with a loss of the user's own."""

import copy
import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from mu.errors import UsageError
from mu.models.base import Learner

Criterion = Callable[..., Tensor]


class OwnLoss(Learner):
    """A learner with a loss of the user's own; outputs and targets go there as they are.

    Args:
        network: Any module whose output the criterion takes.
        criterion: ``criterion(outputs, targets)``: a criterion of torch (`torch.nn.MSELoss`), a
            function that takes ``reduction=`` (`torch.nn.functional.mse_loss`), or one that returns
            one value a sample. Values with more dimensions are averaged over these.

    Raises:
        UsageError: ``criterion`` cannot be called.

    Example:
        >>> import torch
        >>> learner = OwnLoss(nn.Linear(2, 1), nn.MSELoss())
        >>> learner.loss(torch.tensor([[1.0], [3.0]]), torch.zeros(2, 1), "none").tolist()
        [1.0, 9.0]
    """

    def __init__(self, network: nn.Module, criterion: Criterion) -> None:
        super().__init__(network)
        if not callable(criterion):
            raise UsageError(
                f"loss={criterion!r} cannot be called; give a criterion such as "
                "torch.nn.BCEWithLogitsLoss(), or a function of outputs and targets"
            )
        # In a tuple, so that its buffers (weights of classes) are none of the learner's weights.
        self.criterion = (criterion,)

    def loss(self, logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
        """The criterion.

        Raises:
            UsageError: It fails on these shapes, or gives one number where one a sample is needed.
        """
        criterion = self._at(logits)
        try:
            found = _values(criterion, logits, targets, "mean" if reduction == "mean" else "none")
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise UsageError(
                f"loss={_name(criterion)} fails on outputs of shape {tuple(logits.shape)} and "
                f"targets of shape {tuple(targets.shape)} and type {targets.dtype}: {error}"
            ) from error
        if reduction == "mean":
            return found.mean() if found.dim() else found
        each = _each(criterion, found, len(targets))
        return each if reduction == "none" else each.sum()

    def _at(self, logits: Tensor) -> Criterion:
        """The criterion where the outputs lie."""
        (criterion,) = self.criterion
        return criterion.to(logits.device) if isinstance(criterion, nn.Module) else criterion


def _values(criterion: Criterion, logits: Tensor, targets: Tensor, reduction: str) -> Tensor:
    """The criterion's mean, or its values before any reduction where it can give them."""
    if isinstance(criterion, nn.Module):
        if reduction == "none" and hasattr(criterion, "reduction"):
            criterion = copy.copy(criterion)
            vars(criterion)["reduction"] = "none"
        found: Tensor = criterion(logits, targets)
        return found
    if "reduction" in _parameters(criterion):
        return criterion(logits, targets, reduction=reduction)
    return criterion(logits, targets)


def _parameters(criterion: Criterion) -> Any:
    """Names of the arguments of a function; none where they are not known."""
    try:
        return inspect.signature(criterion).parameters
    except (TypeError, ValueError):
        return ()


def _each(criterion: Criterion, values: Tensor, n: int) -> Tensor:
    """(n,) one value a sample.

    Raises:
        UsageError: The criterion gives something else.
    """
    if values.dim() == 0 and n == 1:
        return values[None]
    if values.dim() and len(values) == n:
        rest = values.reshape(n, -1)
        return rest.sum(1) if getattr(criterion, "reduction", "mean") == "sum" else rest.mean(1)
    raise UsageError(
        f"loss={_name(criterion)} gives a tensor of shape {tuple(values.shape)} for {n} samples, "
        "and one value a sample is needed: give a criterion of torch, a function that takes "
        "reduction=, or one that returns (n,) values"
    )


def _name(criterion: Criterion) -> str:
    return getattr(criterion, "__name__", type(criterion).__name__)


def learner_of(network: nn.Module, loss: Criterion | None = None) -> Learner:
    """The learner of a user's network.

    Args:
        network: A module, or a `Learner` with its own loss.
        loss: Criterion of a bare module; None means cross-entropy.

    Raises:
        UsageError: It is no module, or a learner that has a loss already.
    """
    if not isinstance(network, nn.Module):
        way = (
            "load it into a network: net.load_state_dict(...)"
            if isinstance(network, dict)
            else "hand over the network itself"
        )
        raise UsageError(f"the network is a {type(network).__name__}, no torch.nn.Module; {way}")
    if isinstance(network, Learner):
        if loss is not None:
            raise UsageError(f"{type(network).__name__} has a loss of its own; leave loss= out")
        return network
    return Learner(network) if loss is None else OwnLoss(network, loss)
