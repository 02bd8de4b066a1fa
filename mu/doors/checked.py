"""A network and its first batch, looked at before anything is computed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.doors.guest import evaluation_mode
from mu.doors.nested import moved
from mu.doors.outputs import check_classes
from mu.doors.probabilities import reads_logits, refuse_probabilities
from mu.errors import MuError, UsageError


@dataclass(frozen=True)
class Task:
    """What a network is asked for.

    Attributes:
        columns: Numbers a sample that the network returns.
        classes: Whether the targets are class numbers; else only a loss of the user's own reads
            them.
    """

    columns: int
    classes: bool

    def check(self, targets: Tensor, given: Tensor) -> None:
        """Refuse class numbers that the network has no logit for; see `check_classes`."""
        if self.classes:
            check_classes(targets, given, self.columns)


@torch.no_grad()
def task_of(learner: Any, batch: Batch, name: str) -> Task:
    """Run a learner on a first batch, in evaluation mode.

    Args:
        learner: A `mu.models.base.Learner`, where the batch lies.
        batch: Its targets are checked, too.
        name: Of the loader, for messages.

    Raises:
        UsageError: The network fails on the batch, what it returns is no number or a probability,
            or the targets do not belong to it.
    """
    network = learner.network
    try:
        with evaluation_mode(learner):
            outputs, targets = learner.outputs(batch)
            task = _task(learner, outputs, targets)
            task.check(targets, batch.y)
            learner.loss(outputs, targets)
    except MuError:
        raise
    except Exception as error:  # whatever the user's own network raises
        raise UsageError(
            f"{type(network).__name__} fails on the first batch of {name} (inputs: "
            f"{_described(batch.x)}; targets: {_described(batch.y)}): "
            f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error
    if bool(outputs.isnan().any()):
        raise UsageError(
            f"{type(network).__name__} returns numbers that are not finite on the first batch of "
            f"{name}; look for an input that is not finite"
        )
    if _of_logits(learner):
        with evaluation_mode(learner):
            refuse_probabilities(outputs, network, name, lambda: learner.outputs(batch)[0])
    return task


def _of_logits(learner: Any) -> bool:
    """Whether the loss of a learner takes logits; of a loss that nobody knows no."""
    criterion = getattr(learner, "criterion", None)
    return not learner.own_loss or (isinstance(criterion, tuple) and reads_logits(criterion[0]))


def _task(learner: Any, outputs: Tensor, targets: Tensor) -> Task:
    """What outputs and targets of these shapes are; a single output of another loss is a value."""
    columns = outputs.shape[1] if outputs.dim() == 2 else 1
    whole = targets.dim() == 1 and outputs.dim() == 2 and not targets.is_floating_point()
    return Task(columns, whole and (columns > 1 or not learner.own_loss))


def task_at_home(learner: Any, batch: Batch, name: str) -> Task:
    """`task_of` where the learner's weights lie."""
    home = next((p.device for p in learner.parameters()), torch.device("cpu"))
    x, y = moved(batch.x, home), batch.y.to(home)
    return task_of(learner, Batch(x, y, batch.index), name)


def refuse_diverged(network: nn.Module) -> None:
    """Refuse a network with weights that are no finite numbers.

    Raises:
        UsageError: Naming the first.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> _ = layer.bias.data.fill_(torch.nan)
        >>> refuse_diverged(layer)
        Traceback (most recent call last):
        mu.errors.UsageError: bias of Linear holds values that are not finite numbers: it diverged
    """
    name = not_finite(network.named_parameters())
    if name is not None:
        raise UsageError(
            f"{name} of {type(network).__name__} holds values that are not finite numbers: "
            "it diverged"
        )


def not_finite(tensors: Iterable[tuple[str, Tensor]]) -> str | None:
    """Name of the first tensor that holds a value that is no finite number."""
    with torch.no_grad():
        return next((n for n, t in tensors if not bool(torch.isfinite(t).all())), None)


def _described(value: Any) -> str:
    """Shape and type of a tensor, of the tensors in a structure, or the kind of another thing."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_described(one)}" for key, one in value.items())
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_described, value))})"
    return type(value).__name__
