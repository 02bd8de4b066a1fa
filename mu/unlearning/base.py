"""The Unlearner: what a method declares, what it is handed, and how it is run."""

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from secrets import token_bytes
from types import MappingProxyType
from typing import Any, ClassVar, Self

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.data.normalisation import Normalisation
from mu.doors.checked import Task, not_finite, refuse_diverged
from mu.doors.guest import copied, seed_everything
from mu.errors import NotApplicable, StepFailed, UsageError
from mu.models.base import Learner, Progress, as_batch
from mu.models.channels_last import use_channels_last
from mu.parts.look import look
from mu.parts.part import DataPart, LoaderPart, Part, by_rows, move, of_learner
from mu.training.fit import Counted, Meter, train
from mu.training.lone_sample import lone_samples_served
from mu.training.peak_memory import peak_into
from mu.training.sign_descent import SignDescent
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


@dataclass
class Context:
    """Where and how a method runs.

    Attributes:
        watched: Part → batches whose accuracy and loss are noted while a method trains.
        points: How often.
        secret: Gives the key of what a method remembers in a form that only it can read.
        normalisation: How inputs come normalised; None where nobody knows.
    """

    seed: int = 0
    device: str = "cpu"
    precision: str = "32-true"
    channels_last: bool = False
    augment: str | None = None
    progress: Progress | None = None
    watched: Mapping[str, Any] = field(default_factory=dict)
    points: int = 10
    secret: Callable[[], bytes] = token_bytes
    normalisation: Normalisation | None = None


@dataclass
class Unlearned:
    """What a method leaves: a plain Learner, what it remembers, and what it cost.

    Attributes:
        upfront: How many of the meter's passes serve many requests.
        model_of: Where the architecture changed, maps the configuration of the model handed in to
            that of ``learner``.
    """

    learner: Learner
    meter: Meter
    memory: dict[str, Tensor] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    trajectory: dict[str, list[Any]] = field(default_factory=dict)
    model_of: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    upfront: dict[str, int] = field(default_factory=dict)

    def cost(self) -> dict[str, Any]:
        """Passes and seconds; those that serve many requests also apart, as set-up."""
        return self.meter.facts() | {f"{k}_setup": n for k, n in self.upfront.items()}


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


def check_kind(method: Unlearner, kind: str) -> None:
    """Refuse a request for elements of a kind that a method cannot forget.

    Raises:
        NotApplicable: Naming the kind, and those it forgets.
    """
    if method.requests and kind not in method.requests:
        name, known = type(method).__name__, ", ".join(sorted(method.requests))
        raise NotApplicable(f"not applicable: {name} forgets {known}, not {kind}")


def apply(
    method: Unlearner,
    learner: Learner,
    parts: Mapping[str, Part],
    context: Context,
    memory: dict[str, Tensor] | None = None,
    stored: Mapping[str, Mapping[str, Tensor]] | None = None,
) -> Unlearned:
    """Run a method on one request.

    Args:
        method: The method with its options.
        learner: The model before the request; not changed.
        parts: At least what ``method.needs`` names; the rest is withheld.
        context: Seed, device, precision.
        memory: What the method left at its last request.
        stored: Name → tensors that `mu.unlearning.stored.prepare` made of the original.

    Raises:
        UsageError: A needed part is missing or empty, weights are not finite, the whole model is
            frozen, or the network, its first batch and the targets do not belong together.
        NotApplicable: The method needs class numbers as targets.
        StepFailed: The method left weights that are not finite.
    """
    missing = sorted(method.needs - set(parts))
    if missing:
        raise UsageError(f"{type(method).__name__} needs {', '.join(missing)}")
    refuse_diverged(learner.network)
    if method.changes == {"weights"} and not any(p.requires_grad for p in learner.parameters()):
        raise UsageError(
            "every parameter is frozen in the model: set requires_grad to true where it may change"
        )
    watched, context = context.watched, replace(context, watched={})  # not for the method's eyes
    handed = {n: of_learner(parts[n], learner) for n in method.needs}
    method.attach(learner, handed, context, dict(memory or {}), stored or {})
    if context.channels_last:
        use_channels_last(method.learner)
    method.learner.to(context.device).eval()
    with gradients_of_recurrent(method.learner, context.device):
        check_labels(method, look(method.learner, handed or parts, context.device))
        seed_everything(context.seed)
        with peak_into(method.meter.memory, "request", context.device):
            seconds = carried_out(method, context, watched)
        return finished(method, learner, seconds)


def check_labels(method: Unlearner, task: Task | None) -> None:
    """Refuse targets that are no class numbers for a method that needs them.

    Raises:
        NotApplicable: Naming the method.
    """
    if method.reads_labels and task is not None and not task.classes:
        raise NotApplicable(
            f"not applicable: {type(method).__name__} needs class numbers (n,) as targets, and a "
            "loss of one's own does not make them of other targets; methods that only descend or "
            "ascend the loss serve these, such as finetune, retrain, neggrad_plus and ssd"
        )


def gradients_of_recurrent(learner: Learner, device: str) -> AbstractContextManager[None]:
    """Without cuDNN for recurrent layers on a GPU: they have no gradient in evaluation mode."""
    recurrent = any(isinstance(module, nn.RNNBase) for module in learner.modules())
    if recurrent and torch.device(device).type == "cuda":
        flags: AbstractContextManager[None] = torch.backends.cudnn.flags(enabled=False)
        return flags
    return nullcontext()


def carried_out(method: Unlearner, context: Context, watched: Mapping[str, Any]) -> float:
    """Solve or train; the seconds it took. The learner ends on the CPU."""
    start = time.perf_counter()
    mixed = context.precision == "bf16-mixed"
    with torch.autocast(context.device, torch.bfloat16, enabled=mixed), lone_samples_served():
        method.solve()
    if method.epochs:
        loader = method.train_batches()
        counted = Counted(loader, method.meter, method.epochs * len(loader), context.progress)
        if watched:
            steps = method.epochs * len(loader)
            method.probe = Probe(watched, steps, method.epochs, context.points)
        method.learner.train()
        train(method, counted, method.epochs, context.precision, context.device)
    method.learner.cpu()
    return time.perf_counter() - start


def finished(method: Unlearner, before: Learner, seconds: float) -> Unlearned:
    """What a method that ran leaves, with the flags of the model handed in.

    Raises:
        StepFailed: Weights that are not finite.
    """
    probe = method.probe
    aside = method.meter.seconds["setup"] + (probe.seconds if probe else 0.0)
    method.meter.seconds["request"] = seconds - aside
    found, seen = method.result().eval(), probe.trajectory if probe else {}
    was = dict(before.named_buffers())  # a mask may hold infinity from the start
    statistics = [(n, b) for n, b in found.named_buffers() if not not_finite([(n, was.get(n, b))])]
    diverged = not_finite([*found.named_parameters(), *statistics])
    if diverged is not None:
        raise StepFailed(
            f"the method left weights that are not finite numbers ({diverged}); a smaller step "
            "or fewer epochs may keep them finite"
        )
    required = {name: p.requires_grad for name, p in before.named_parameters()}
    for name, parameter in found.named_parameters():
        parameter.requires_grad_(required.get(name, parameter.requires_grad))
        parameter.grad = None
    for module in found.modules():
        if isinstance(module, pl.LightningModule):
            module._trainer = None
    inside: dict[str, Any] = dict(found.named_modules())
    for name, module in before.named_modules():
        if is_sparse(module) and name in inside:  # the architecture may have changed
            inside[name].sparse = True
    if method.changes and unchanged(before, found):
        method.warn(f"{type(method).__name__} did nothing: every weight is as it was")
    left = method.memory, method.facts, method.warnings
    model_of = method.model_of if "architecture" in method.changes else None
    return Unlearned(found, method.meter, *left, seen, model_of, method.upfront)


def is_sparse(module: nn.Module) -> bool:
    """Whether a table of embeddings makes sparse gradients."""
    return isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.sparse


def unchanged(before: nn.Module, after: nn.Module) -> bool:
    """Whether two networks hold the same tensors, bit for bit."""
    old, new = before.state_dict(), after.state_dict()
    return old.keys() == new.keys() and all(
        old[name].shape == new[name].shape and torch.equal(old[name].cpu(), new[name].cpu())
        for name in old
    )


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
