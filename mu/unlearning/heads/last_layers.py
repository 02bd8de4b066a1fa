"""The last k layers of a network: what they are, and training nothing but them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn
from torch.nn.utils import parametrize

from mu.errors import UsageError
from mu.models.frozen import rest
from mu.models.order import Order, order_of
from mu.unlearning.base import Finetuning
from mu.unlearning.heads.fresh import is_vector, reset_of
from mu.unlearning.heads.look import look_at
from mu.unlearning.options import at_least


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


def layers(network: nn.Module, order: Order | None = None) -> list[Layer]:
    """The layers of a network in the order of their definition, or of a forward pass.

    A layer is a module that directly owns parameters. What owns only vectors or scalars (a
    normalisation, a scale) belongs to the layer before it. A module that owns parameters and knows
    how to reset itself (a graph convolution, an attention with a table of positions) is one layer
    with everything inside it.

    In the order of a forward pass a layer stands where its weights are used last, and so does a
    tensor that several layers share; what is never used is no layer.

    Args:
        network: Any.
        order: From `order_of`.

    Example:
        >>> norm = nn.BatchNorm1d(4)
        >>> network = nn.Sequential(nn.Linear(2, 4), norm, nn.ReLU(), nn.Linear(4, 3))
        >>> [(layer.name, len(layer.modules)) for layer in layers(network)]
        [('0', 2), ('3', 1)]
    """
    units = list(_units("", network))
    if order is not None:
        times = {unit.name: max(_used(m, order) for m in unit.modules) for unit in units}
        units = sorted((u for u in units if times[u.name]), key=lambda unit: times[unit.name])
    found: list[Layer] = []
    for unit in units:
        if found and all(_vectors(module) for module in unit.modules):
            found[-1].modules += unit.modules
        else:
            found.append(unit)
    return found


def _units(name: str, module: nn.Module) -> Iterator[Layer]:
    """Modules with weights or statistics of their own, and what cannot be told from them."""
    own = any(True for _ in module.parameters(recurse=False))
    own = own or parametrize.is_parametrized(module)
    counts = reset_of(module) is not None and any(True for _ in module.buffers(recurse=False))
    if (own and reset_of(module) is not None) or counts:
        yield Layer(name, list(module.modules()))
        return
    if own:
        yield Layer(name, [module])
    for child, below in module.named_children():
        yield from _units(f"{name}.{child}" if name else child, below)


def _vectors(module: nn.Module) -> bool:
    """Whether a module owns nothing but vectors, or what scales channels and cannot be drawn."""
    own = list(module.parameters(recurse=False))
    bare = reset_of(module) is None
    return all(p.dim() <= 1 or (bare and is_vector(p)) for p in own)


def _used(module: nn.Module, order: Order) -> int:
    """When a module's own weights are used last; where that cannot be seen, when it runs."""
    own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    return max((order.get(id(t), 0) for t in own), default=0) or (
        order.get(id(module), 0) if own else 0
    )


def last_layers(network: nn.Module, k: int | None, order: Order | None = None) -> list[Layer]:
    """The k layers nearest to the output, or all for None, in their order.

    Args:
        network: Any.
        k: How many.
        order: As for `layers`.

    Raises:
        UsageError: The network has fewer layers, or ``k`` is below 1.

    Example:
        >>> last_layers(nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 3)), 3)
        Traceback (most recent call last):
        mu.errors.UsageError: k=3, but Sequential has 2 layers; k must be 1 to 2
    """
    every = layers(network, order)
    if k is None:
        return every
    if not 1 <= k <= len(every):
        raise UsageError(
            f"k={k}, but {type(network).__name__} has {len(every)} layers; "
            f"k must be 1 to {len(every)}"
        )
    return every[-k:]


def modules_of(chosen: list[Layer]) -> list[nn.Module]:
    """The modules of some layers, layer after layer."""
    return [module for layer in chosen for module in layer.modules]


def train_from(network: nn.Module, chosen: list[Layer], order: Order) -> None:
    """Training mode from the first of the layers on, evaluation mode before it.

    Frozen layers thereby keep their running statistics, and what is random in them (dropout) rests.
    Modules that contain one of the layers are in training mode, since they act on it too.

    Args:
        network: Any.
        chosen: The last layers in this order.
        order: From `order_of`.
    """
    inside = {id(m) for m in modules_of(chosen)}
    start = min(time for m in chosen[0].modules if (time := _used(m, order)))
    for module in network.modules():
        contains = any(id(m) in inside for m in module.modules())
        module.training = contains or order.get(id(module), 0) >= start
    rest(network)


class LastLayers(Finetuning):
    """Base of the methods that train the last k layers on D_r and leave the others bit-identical.

    Args:
        k: How many layers, counted from the output in the order of a forward pass, or all for None;
            a normalisation belongs to the layer before it, see `layers`.
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
        self.order = None if self.k is None else order_of(self.learner, look_at(self, "retain"))
        self.chosen = last_layers(network, self.k, self.order)
        free = [p for layer in self.chosen for p in layer.parameters()]
        which = "all" if self.k is None else f"the last {self.k}"
        frozen = f"{which} layers are frozen in the model; choose a larger k"
        share = self.train_only(free, frozen)
        trained = (one for one in self.chosen if any(p.requires_grad for p in one.parameters()))
        self.facts = {
            "layers": len(layers(network, self.order)),
            "trained_layers": [layer.name for layer in trained],
            "trained_share": share,
        }
        return self.chosen

    def train_batches(self) -> Any:
        loader = super().train_batches()
        self.epochs = max(self.least, -(-self.min_steps // max(len(loader), 1)))
        self.facts["epochs"] = self.epochs
        return loader

    def on_train_epoch_start(self) -> None:
        if self.order is None:
            self.learner.train()
        else:
            train_from(self.learner.network, self.chosen, self.order)
