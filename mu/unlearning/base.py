"""The Unlearner: what a method declares, and what it is handed."""

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, ClassVar, Self

import pytorch_lightning as pl
import torch
from torch import Tensor

from mu.data.base import Batch
from mu.doors.guest import copied
from mu.errors import UsageError
from mu.models.base import Learner, as_batch
from mu.parts.part import DataPart, LoaderPart, Part, by_rows, move
from mu.training.fit import Counted, Meter
from mu.training.peak_memory import peak_into
from mu.training.sign_descent import SignDescent
from mu.unlearning.apply import apply, is_sparse
from mu.unlearning.context import Context, Unlearned
from mu.unlearning.options import at_least, no_other, not_negative, one_of, positive
from mu.unlearning.probe import Probe
from mu.unlearning.stored import Stored, unsealed

__all__ = [
    "Context",
    "DataPart",
    "Finetuning",
    "LoaderPart",
    "Part",
    "Unlearned",
    "Unlearner",
    "apply",
]


# What a class may declare of itself.
DECLARED = {
    "needs": ("forget", "retain", "full", "kept", "validation"),
    "requests": ("samples", "nodes", "edges", "features"),
    "changes": ("weights", "architecture"),
}


class Unlearner(pl.LightningModule):
    """Base of every method.

    A method either implements `solve` (no steps: importances, projections, …) or sets ``epochs``
    and implements `training_step`, `train_batches` and `configure_optimizers`. The model handed in
    is never changed: ``self.learner`` is a copy.

    Class facts:
        needs: Parts handed over, of ``forget``, ``retain``, ``full`` (everything trained on),
            ``kept`` (what an oracle trains on, through the retained view) and ``validation`` (never
            trained on, for stop rules). Nothing else is.
        requests: Kinds of elements the method can forget; empty means any.
        changes: What it may change, of ``weights``, ``architecture``.
        architectures: What a network must be, as ``transformer``; empty means anything. Tells the
            tests on which tiny problem a method is run.
        weighted: Whether it honours ``Batch.weight``.
        shares: Whether processes can share the work on its batches (`mu.gradients.processes`).
        reads_labels: Whether it needs class numbers as targets, or the logits of classes. Other
            targets, which only a loss of the user's own reads, are refused then.
        gradient_view: The graph its gradients see: ``trained`` (with what is forgotten),
            ``retained``, or ``original`` (with all that was ever forgotten). Says nothing for
            images.
        stale: An option of some: whether what is stored with the original may serve later states.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain"})
    requests: ClassVar[frozenset[str]] = frozenset()
    changes: ClassVar[frozenset[str]] = frozenset({"weights"})
    architectures: ClassVar[frozenset[str]] = frozenset()
    weighted: ClassVar[bool] = False
    shares: ClassVar[bool] = False
    reads_labels: ClassVar[bool] = False
    gradient_view: ClassVar[str] = "trained"
    epochs: int = 0

    made_with: tuple[tuple[Any, ...], dict[str, Any]]  # what the constructor was given
    learner: Learner
    parts: Mapping[str, Part]
    context: Context
    memory: dict[str, Tensor]
    stored: Mapping[str, Mapping[str, Tensor]]
    stale: bool = False

    def __new__(cls, *given: Any, **named: Any) -> Self:
        """A method that knows how it was made, so that an experiment can make it anew."""
        made = super().__new__(cls)
        vars(made)["made_with"] = (given, named)
        return made

    def __init_subclass__(cls, **options: Any) -> None:
        """Hold what a class declares against what there is, as soon as it is made.

        Raises:
            UsageError: It declares an unknown part, kind of elements, or thing to change.
        """
        super().__init_subclass__(**options)
        for fact, known in DECLARED.items():
            declared = getattr(cls, fact)
            words = [declared] if isinstance(declared, str) else list(declared)
            for word in words:
                if isinstance(declared, str) or word not in known:
                    raise UsageError(
                        f"{cls.__name__}: {fact} names {word!r}; it is a set of {', '.join(known)}"
                    )

    def attach(
        self,
        learner: Learner,
        parts: Mapping[str, Part],
        context: Context,
        memory: dict[str, Tensor],
        stored: Mapping[str, Mapping[str, Tensor]] = MappingProxyType({}),
    ) -> None:
        """Take what one request needs; called by `apply`, before `solve` or training."""
        self.learner = copied(learner)
        for module in filter(is_sparse, self.learner.modules()):
            module.sparse = False  # type: ignore[assignment]  # Adam and penalties need dense ones
        self.parts, self.context, self.memory, self.stored = parts, context, memory, stored
        self.meter = Meter()
        self.upfront = {"forward": 0, "backward": 0}
        self.facts: dict[str, Any] = {}
        self.warnings: list[str] = []
        self.probe: Probe | None = None

    def warn(self, message: str) -> None:
        """Say something the reader of the result must know."""
        self.warnings.append(message)
        warnings.warn(message, stacklevel=2)

    @contextmanager
    def setup_cost(self) -> Iterator[None]:
        """What is spent inside serves many requests and is reported apart."""
        meter, start = self.meter, time.perf_counter()
        forward, backward = meter.forward, meter.backward
        with peak_into(meter.memory, "setup", self.context.device):
            yield
        meter.seconds["setup"] += time.perf_counter() - start
        self.upfront["forward"] += meter.forward - forward
        self.upfront["backward"] += meter.backward - backward

    def prepared(self, name: str, make: Stored) -> dict[str, Tensor]:
        """What was stored with the original under a name; where it was not, computed as set-up.

        Args:
            name: As under ``stored`` in the method's YAML.
            make: Computes it of the model and all it was trained on (the part ``full``).

        Raises:
            UsageError: What was stored belongs to other weights or other samples.
        """
        if name in self.stored:
            part = self.parts.get("full")
            return unsealed(name, self.stored[name], self.learner, part, self.stale)
        seed = {"seed": self.context.seed}
        with self.setup_cost():
            return make(self.learner, lambda **options: self.batches("full", **(seed | options)))

    def batches(self, part: str, **options: Any) -> Iterator[Batch]:
        """Batches of a part, on the device, counted, with progress; for `solve`."""
        loader = self.parts[part].batches(**options)
        total = len(loader) if hasattr(loader, "__len__") else 0
        for batch in Counted(loader, self.meter, total, self.context.progress):
            yield move(batch, self.context.device)

    def forward_batches(self, part: str, **options: Any) -> Iterator[Batch]:
        """`batches` of which no gradient is taken: each counts as a forward pass only."""
        for batch in self.batches(part, **options):
            self.meter.backward -= batch.units
            yield batch

    def first_batch(self, part: str, **options: Any) -> Batch:
        """The first batch of a part where it lies, not counted: all of a graph, or a look at one.

        Args:
            part: Name of the part.
            options: Those of `Part.batches`.
        """
        return as_batch(next(iter(self.parts[part].batches(**options))))

    def descend(self, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        """One step down a loss, for methods that have steps in `solve`."""
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()

    def solve(self) -> None:
        """Change ``self.learner`` without a Trainer; the model is in evaluation mode."""

    def train_batches(self) -> Any:
        """Re-iterable batches of one epoch, for methods with ``epochs``."""
        raise NotImplementedError

    def configure_callbacks(self) -> list[pl.Callback]:
        return [self.probe] if self.probe else []

    def result(self) -> Learner:
        """The unlearned model as a plain Learner."""
        return self.learner

    def model_of(self, model: dict[str, Any]) -> dict[str, Any]:
        """Configuration of `result`, for methods that change the architecture."""
        return model


def enclosed(model: dict[str, Any], key: str, target: str, **options: Any) -> dict[str, Any]:
    """Configuration of a model, or of a bare network, whose network stands in another one.

    Args:
        model: Of the model before.
        key: Argument of the other network that takes it.
        target: Class of the other network.
        options: Its other arguments.
    """
    network = model["network"] if isinstance(model.get("network"), dict) else model
    found = {"_target_": target, key: network, **options}
    return model | {"network": found} if network is not model else found


class Finetuning(Unlearner):
    """Base of methods that train for a few epochs with one optimiser.

    Training on D_f alone reads it without augmentation and drawn negatives, in evaluation mode, so
    that its batch statistics do not reach the running ones.

    A method with options of its own takes these as ``**training`` and hands them on, with a default
    of its own where it has one.

    Args:
        epochs: Passes over the training part.
        lr: Learning rate, constant.
        batch_size: Samples a batch; a user's own loader that is read alone keeps its batches. None
            takes all in one step, from whatever loader.
        momentum: Momentum of SGD.
        weight_decay: Weight decay of SGD and Adam.
        optimizer: "sgd", "adam" or "sign" (`mu.training.sign_descent.SignDescent`; neither momentum
            nor weight decay).

    Raises:
        UsageError: A value out of range, or an option that the method does not have.
    """

    train_part: ClassVar[str] = "retain"  # or "forget"

    def __init__(
        self,
        epochs: int,
        lr: float,
        batch_size: int | None = 128,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        optimizer: str = "sgd",
        **unknown: Any,
    ) -> None:
        super().__init__()
        no_other(type(self), unknown)
        at_least(1, epochs=epochs)
        at_least(1, batch_size=batch_size, null="one batch")
        positive(lr=lr)
        not_negative(momentum=momentum, weight_decay=weight_decay)
        one_of(optimizer=(optimizer, OPTIMIZERS))
        self.epochs, self.lr, self.batch_size = epochs, lr, batch_size
        self.momentum, self.weight_decay, self.optimizer_name = momentum, weight_decay, optimizer

    def train_batches(self) -> Any:
        given: dict[str, Any] = {"batch_size": self.batch_size, "seed": self.context.seed}
        part = self.parts[self.train_part]
        part = by_rows(part) if self.batch_size is None else part
        if self.train_part == "forget":
            return part.batches(shuffle=True, **given)
        return part.batches(train=True, augment=self.context.augment, **given)

    def train_only(self, parameters: Iterable[Tensor], frozen: str) -> float:
        """Freeze all other parameters until `finished`; the share of numbers that is trained.

        Raises:
            UsageError: ``frozen``, where the model itself has none of them trained.
        """
        every, free = list(self.learner.parameters()), {id(p) for p in parameters}
        for parameter in every:
            parameter.requires_grad_(parameter.requires_grad and id(parameter) in free)
        trained = sum(p.numel() for p in every if p.requires_grad)
        if not trained:
            raise UsageError(frozen)
        return trained / sum(p.numel() for p in every)

    def on_train_epoch_start(self) -> None:
        if self.train_part == "forget":
            self.learner.eval()

    def training_step(self, batch: Batch, index: int) -> Tensor:
        return self.learner.batch_loss(as_batch(batch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        trained = [p for p in self.learner.parameters() if p.requires_grad]
        return OPTIMIZERS[self.optimizer_name](self, trained)


OPTIMIZERS: dict[str, Callable[[Finetuning, list[Any]], torch.optim.Optimizer]] = {
    "sgd": lambda m, p: torch.optim.SGD(
        p, lr=m.lr, momentum=m.momentum, weight_decay=m.weight_decay
    ),
    "adam": lambda m, p: torch.optim.Adam(p, lr=m.lr, weight_decay=m.weight_decay),
    "sign": lambda m, p: SignDescent(p, lr=m.lr),
}
