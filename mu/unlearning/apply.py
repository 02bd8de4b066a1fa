"""How a method is run on one request: looked at, carried out, and what it left is checked."""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from mu.doors.checked import Task, not_finite, refuse_diverged
from mu.doors.guest import seed_everything
from mu.errors import NotApplicable, StepFailed, UsageError
from mu.models.base import Learner
from mu.models.channels_last import use_channels_last
from mu.parts.look import look
from mu.parts.part import Part, of_learner
from mu.training.fit import Counted, train
from mu.training.lone_sample import lone_samples_served
from mu.training.peak_memory import peak_into
from mu.unlearning.context import Context, Unlearned
from mu.unlearning.probe import Probe

if TYPE_CHECKING:
    from mu.unlearning.base import Unlearner


def check_kind(method: "Unlearner", kind: str) -> None:
    """Refuse a request for elements of a kind that a method cannot forget.

    Raises:
        NotApplicable: Naming the kind, and those it forgets.
    """
    if method.requests and kind not in method.requests:
        name, known = type(method).__name__, ", ".join(sorted(method.requests))
        raise NotApplicable(f"not applicable: {name} forgets {known}, not {kind}")


def apply(
    method: "Unlearner",
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


def check_labels(method: "Unlearner", task: Task | None) -> None:
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


def carried_out(method: "Unlearner", context: Context, watched: Mapping[str, Any]) -> float:
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


def finished(method: "Unlearner", before: Learner, seconds: float) -> Unlearned:
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
