"""Whether a network keeps its samples apart, and which formulas hold, seen on two samples."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.errors import UsageError
from mu.gradients.folding import Fold
from mu.gradients.recorder import Recorder, Unplanned
from mu.gradients.single import Loss, add_singles
from mu.gradients.sink import SELECTED, Sink
from mu.models.base import Learner
from mu.parts.cut import at

FIRST = torch.tensor([True, False])  # the sample that is compared is summed apart


def probe(learner: Learner, two: Batch, loss: Loss, sink: Sink) -> dict[int, Fold] | None:
    """Compare formulas on two samples with a backward pass for the first alone.

    Args:
        learner: In evaluation mode.
        two: Two samples, of no graph.
        loss: (logits, targets) → (n,) losses.
        sink: Whose parameters and power count; nothing is added to it.

    Returns:
        What may be folded, by the id of the kernel; None where formulas do not cover the network.

    Raises:
        UsageError: The samples of a batch are mixed, or losses are not one a sample.
    """
    truth = sink.fresh()
    truth.begin(FIRST[:1])
    (alone,) = add_singles(learner, at(two, slice(0, 1), learner), loss, truth)
    recorder = Recorder(sink.trained, 2, None)
    with recorder:
        losses = loss(*learner.outputs(two))
    check_losses(losses, 2)
    tolerance = _tolerance(losses)
    together = float(losses[0].detach())
    if abs(alone - together) > tolerance * max(1.0, abs(alone)):
        raise UsageError(
            f"{_mixing(learner, two)} mixes the samples of a batch: the loss of one is {alone:.6g} "
            f"alone and {together:.6g} beside another; no sample has a gradient of its own"
        )
    if recorder.others(losses):
        return None
    expected, folds = truth.result(SELECTED), recorder.foldable()
    if folds:
        found = _folded(learner, two, loss, sink.fresh(), folds)
        if found is not None and _agree(found, expected, sink.power, tolerance):
            return folds
    bare = sink.fresh()
    bare.begin(FIRST)
    recorder.backward(losses, bare)
    return {} if _agree(bare.result(SELECTED), expected, sink.power, tolerance) else None


def check_losses(losses: Tensor, n: int) -> None:
    """Refuse anything but (n,) losses.

    Raises:
        UsageError: Another shape.
    """
    if losses.shape != (n,):
        raise UsageError(f"the loss of {n} samples has shape {tuple(losses.shape)}, not ({n},)")


def _folded(
    learner: Learner, two: Batch, loss: Loss, sink: Sink, folds: Mapping[int, Fold]
) -> dict[str, Tensor] | None:
    sink.begin(FIRST)
    recorder = Recorder(sink.trained, 2, folds)
    try:
        with recorder:
            losses = loss(*learner.outputs(two))
        recorder.others(losses)
    except Unplanned:
        return None
    recorder.backward(losses, sink)
    return sink.result(SELECTED)


def _tolerance(losses: Tensor) -> float:
    """Relative difference that rounding may explain: 1e-3 in float32, 5e-8 in float64."""
    if torch.is_autocast_enabled(losses.device.type):
        return 0.1
    return float(3 * torch.finfo(losses.dtype).eps ** 0.5)


def _agree(
    found: Mapping[str, Tensor], expected: Mapping[str, Tensor], power: str, tolerance: float
) -> bool:
    """Whether every parameter's sums are the same up to rounding.

    The bound, 0.1 of a tensor in float32, is wide because a single ReLU within rounding of zero may
    change a sample's gradients by a per cent; a formula that does not hold is wrong by far more.
    Gradients that are zero but for rounding, such as those of a bias in front of a normalisation,
    are measured against the largest of the network.
    """
    floor = max(float(value.max()) for value in expected.values() if value.numel())
    floor *= (tolerance / 30) ** (2 if power == "square" else 1)
    for name, value in expected.items():
        difference = (found[name] - value).norm()
        if not difference <= tolerance ** (1 / 3) * value.norm() + floor * value.numel() ** 0.5:
            return False
    return True


def _mixing(learner: Learner, two: Batch) -> str:
    """Name of the first module whose output for a sample depends on the other one."""
    rows: list[dict[str, Tensor]] = [{}, {}]

    def keep(name: str, kept: dict[str, Tensor]) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and output.dim() and output.is_floating_point():
                kept.setdefault(name, output[0].detach().clone())

        return hook

    for kept, batch in zip(rows, (two, at(two, slice(0, 1), learner)), strict=True):
        handles = [
            module.register_forward_hook(keep(name, kept))
            for name, module in learner.named_modules()
            if name and not any(module.children())
        ]
        try:
            with torch.no_grad():
                learner.outputs(batch)
        finally:
            for handle in handles:
                handle.remove()
    for name, value in rows[0].items():
        other = rows[1].get(name)
        if other is None or other.shape != value.shape:
            continue
        if not torch.allclose(value, other, rtol=1e-3, atol=1e-4 * float(value.abs().max())):
            return name
    return type(learner.network).__name__
