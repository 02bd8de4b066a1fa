"""The last k layers of a network: what they are, and training nothing but them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from mu.errors import UsageError
from mu.unlearning.base import Finetuning
from mu.unlearning.options import at_least

TABLE_STD = 0.02  # of tokens and position tables, as Vision Transformers draw them


@dataclass
class Layer:
    """Modules that count as one layer.

    Attributes:
        name: Dotted name of its first module.
        modules: Modules whose own parameters and buffers belong to the layer.
    """

    name: str
    modules: list[nn.Module]

    def parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of the layer."""
        for module in self.modules:
            yield from module.parameters(recurse=False)


def layers(network: nn.Module) -> list[Layer]:
    """The layers of a network in the order of their definition.

    A layer is a module that directly owns parameters. What owns only vectors or scalars (a
    normalisation, a scale) belongs to the layer before it. A module that owns parameters and knows
    how to reset itself (a graph convolution, an attention with a table of positions) is one layer
    with everything inside it.

    Example:
        >>> norm = nn.BatchNorm1d(4)
        >>> network = nn.Sequential(nn.Linear(2, 4), norm, nn.ReLU(), nn.Linear(4, 3))
        >>> [(layer.name, len(layer.modules)) for layer in layers(network)]
        [('0', 2), ('3', 1)]
    """
    found: list[Layer] = []
    _collect("", network, found)
    return found


def _collect(name: str, module: nn.Module, found: list[Layer]) -> None:
    own = list(module.parameters(recurse=False))
    inside = list(module.modules())
    if own and found and all(p.dim() <= 1 for p in module.parameters()):
        found[-1].modules += inside
    elif own and hasattr(module, "reset_parameters"):
        found.append(Layer(name, inside))
    else:
        if own:
            found.append(Layer(name, [module]))
        for child, below in module.named_children():
            _collect(f"{name}.{child}" if name else child, below, found)


def last_layers(network: nn.Module, k: int | None) -> list[Layer]:
    """The k layers nearest to the output, or all for None, in the order of their definition.

    Raises:
        UsageError: The network has fewer layers, or ``k`` is below 1.

    Example:
        >>> last_layers(nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 3)), 3)
        Traceback (most recent call last):
        mu.errors.UsageError: k=3, but Sequential has 2 layers; k must be 1 to 2
    """
    every = layers(network)
    if k is None:
        return every
    if not 1 <= k <= len(every):
        raise UsageError(
            f"k={k}, but {type(network).__name__} has {len(every)} layers; "
            f"k must be 1 to {len(every)}"
        )
    return every[-k:]


def reinitialise(chosen: list[Layer]) -> None:
    """Draw the weights of layers anew, in place, and reset their running statistics.

    Each module's own ``reset_parameters`` does it. Tokens and tables of modules without one are
    drawn as Vision Transformers draw them: normal with standard deviation 0.02, cut at two units.

    Raises:
        UsageError: A vector belongs to a module that cannot reset it; nothing was changed.
    """
    drawn = [m for layer in chosen for m in layer.modules if not hasattr(m, "reset_parameters")]
    tables = [p for module in drawn for p in module.parameters(recurse=False)]
    for module in drawn:
        if any(p.dim() <= 1 for p in module.parameters(recurse=False)):
            raise UsageError(
                f"{type(module).__name__} has no reset_parameters(), so its weights cannot be "
                "drawn anew; give it one, or choose a smaller k"
            )
    for table in tables:
        nn.init.trunc_normal_(table, std=TABLE_STD, a=-2.0, b=2.0)
    for layer in chosen:
        for module in layer.modules:
            reset: Any = getattr(module, "reset_parameters", None)
            if reset is not None:
                reset()


def train_from(network: nn.Module, chosen: list[Layer]) -> None:
    """Training mode from the first of the layers on, evaluation mode before it.

    Frozen layers thereby keep their running statistics, and what is random in them (dropout) rests.
    Modules that contain the first layer are in training mode, since they act on it too.
    """
    first, reached = chosen[0].modules[0], False
    for module in network.modules():
        reached = reached or module is first
        module.training = reached or any(inner is first for inner in module.modules())


class LastLayers(Finetuning):
    """Base of the methods that train the last k layers on D_r and leave the others bit-identical.

    Args:
        k: How many layers, counted from the output, or all for None; a normalisation belongs to the
            layer before it, see `layers`.
        min_steps: More than ``epochs`` are trained where they have fewer optimiser steps in all
            (few samples; graphs, where an epoch is one step).
        training: As for `Finetuning`; batches of 64.

    Raises:
        UsageError: ``k`` is below 1 or larger than the network.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain"})
    weighted: ClassVar[bool] = True
    gradient_view: ClassVar[str] = "retained"

    def __init__(
        self,
        k: int | None = 2,
        epochs: int = 5,
        lr: float = 0.01,
        min_steps: int = 0,
        **training: Any,
    ) -> None:
        super().__init__(epochs, lr, **{"batch_size": 64} | training)
        at_least(1, k=k, null="all layers")
        at_least(0, min_steps=min_steps)
        self.k, self.min_steps, self.least = k, min_steps, epochs

    def choose(self) -> list[Layer]:
        """The layers to train; all others are frozen."""
        network = self.learner.network
        self.chosen = last_layers(network, self.k)
        free = [p for layer in self.chosen for p in layer.parameters()]
        which = "all" if self.k is None else f"the last {self.k}"
        frozen = f"{which} layers are frozen in the model; choose a larger k"
        self.facts = {
            "layers": len(layers(network)),
            "trained_layers": [layer.name for layer in self.chosen],
            "trained_share": self.train_only(free, frozen),
        }
        return self.chosen

    def train_batches(self) -> Any:
        loader = super().train_batches()
        self.epochs = max(self.least, -(-self.min_steps // max(len(loader), 1)))
        self.facts["epochs"] = self.epochs
        return loader

    def on_train_epoch_start(self) -> None:
        train_from(self.learner.network, self.chosen)
