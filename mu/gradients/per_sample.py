"""Sums over samples of squared or absolute per-sample gradients."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mu.data.base import Batch
from mu.data.graphs import GraphInput
from mu.doors.nested import mapped, tensors_of
from mu.errors import UsageError
from mu.gradients.folding import Fold
from mu.gradients.mean_gradient import refuse_batch_statistics
from mu.gradients.probe import check_losses, probe
from mu.gradients.processes import own, summed
from mu.gradients.recorder import Recorder, Unplanned
from mu.gradients.single import Loss, add_singles, single_losses
from mu.gradients.sink import REST, SELECTED, Power, Sink
from mu.gradients.vectors import trained
from mu.models.base import Learner, as_batch, evaluation_mode
from mu.models.channels_last import images_last
from mu.parts.cut import at
from mu.parts.nested import Axes, axes_of

__all__ = ["Loss", "Power", "Sums", "per_sample_sums", "single_losses"]

FEW = 2  # samples in a batch up to which one backward pass a sample is as good


@dataclass(frozen=True)
class Sums:
    """Sums by parameter name, and over how many samples.

    Attributes:
        total: Over all samples.
        selected: Over the selected ones; None where nothing was to be selected.
        count: How many samples there were.
        count_selected: How many of them were selected.
    """

    total: dict[str, Tensor]
    selected: dict[str, Tensor] | None
    count: int
    count_selected: int


def per_sample_sums(
    learner: Learner,
    batches: Iterable[Batch],
    loss: Loss,
    *,
    power: Power = "square",
    select: Callable[[Batch], Tensor] | None = None,
    memory_mb: int = 64,
) -> Sums:
    r"""Sums of squared (or absolute) gradients of single samples, exact up to rounding.

    .. math:: \sum_n \Big(\frac{\partial \ell_n}{\partial \theta_i}\Big)^2
        \qquad\text{or}\qquad \sum_n \Big|\frac{\partial \ell_n}{\partial \theta_i}\Big|

    One forward and backward pass a batch propagates the gradients of the inputs only; linear,
    convolution, embedding and normalisation layers and parameters added to or multiplied with
    every sample have formulas for their own. A parameter used several times in these ways has its
    contributions added before the power is taken. Where a trained parameter is used in any other
    way, and where the first samples do not confirm the formulas, each sample gets a backward pass
    of its own; so do inputs that are no tensors.

    Args:
        learner: The model; evaluation mode inside, its own modes restored afterwards.
        batches: Read once; `Batch` or ``(x, y)``.
        loss: (logits, targets) → (n,) losses.
        power: "square" or "abs".
        select: Batch → (n,) booleans; their samples are also summed apart.
        memory_mb: MiB of per-sample gradients and patches held at once, beside what a forward
            pass keeps; one sample of one layer is the least.

    Returns:
        Sums by parameter name; frozen parameters are absent.

    Raises:
        UsageError: An option out of range, losses that are not one a sample, or a network that
            mixes the samples of a batch.

    Example:
        >>> learner = Learner(torch.nn.Linear(1, 1, bias=False))
        >>> _ = learner.network.weight.data.fill_(1.0)
        >>> x = torch.tensor([[1.0], [2.0], [3.0]])
        >>> found = per_sample_sums(learner, [(x, x[:, 0])], lambda z, y: 2 * z[:, 0])
        >>> found.total["network.weight"].item()   # gradients 2, 4 and 6
        56.0
    """
    if power not in ("square", "abs"):
        raise UsageError(f"power={power!r} is neither 'square' nor 'abs'")
    if not memory_mb > 0:
        raise UsageError(f"memory_mb={memory_mb} must be positive")
    sums = _Pass(learner, loss, Sink(trained(learner), power, memory_mb))
    count = count_selected = 0
    with evaluation_mode(learner), torch.enable_grad():
        for item in own(batches):
            batch = as_batch(item)
            if count == 0 and not isinstance(batch.x, GraphInput):
                refuse_batch_statistics(learner)
            marks = _marks(select, batch)
            sums.add(batch, marks)
            count, count_selected = count + len(batch), count_selected + int(marks.sum())
    total, (count, count_selected) = summed(sums.sink.result(REST), count, count_selected)
    if select is None:
        return Sums(total, None, count, 0)
    chosen, _ = summed(sums.sink.result(SELECTED))
    for name, value in chosen.items():
        total[name] += value
    return Sums(total, chosen, count, count_selected)


def _marks(select: Callable[[Batch], Tensor] | None, batch: Batch) -> Tensor:
    if select is None:
        return torch.zeros(len(batch), dtype=torch.bool)
    marks = select(batch)
    if marks.shape != (len(batch),) or marks.dtype != torch.bool:
        raise UsageError(
            f"select gave {tuple(marks.shape)} of {marks.dtype} for {len(batch)} samples; "
            "it must give one boolean a sample"
        )
    return marks.cpu()


class _Pass:
    """A pass over the batches: what was found out about the network, and the sums."""

    def __init__(self, learner: Learner, loss: Loss, sink: Sink) -> None:
        self.learner, self.loss, self.sink = learner, loss, sink
        self.folds: dict[int, Fold] | None = None  # None: not yet looked at
        self.formulas = True
        self.last: bool | None = None  # whether images may lie channels last

    def add(self, batch: Batch, marks: Tensor) -> None:
        """Add a batch."""
        if not self.sink.trained:
            return
        n = len(batch)
        if isinstance(batch.x, GraphInput):
            self.sink.begin(marks)
            add_singles(self.learner, batch, self.loss, self.sink)
            return
        axes = axes_of([(batch.x, n)], self.learner)
        if self.last is None:
            self.last = _runs_channels_last(self.learner, at(batch, slice(0, 2), axes=axes))
        batch = _arranged(batch, axes, marks if bool(marks.any()) else None, self.last)
        if self.folds is None and n >= 2:
            found = probe(self.learner, at(batch, slice(0, 2), axes=axes), self.loss, self.sink)
            # Formulas read samples off the first dimension.
            self.formulas, self.folds = found is not None and not any(axes), found or {}
        self.sink.begin(marks.sort(descending=True).values)
        if n <= FEW or not self.formulas or not self._add_by_formula(batch):
            add_singles(self.learner, batch, self.loss, self.sink)

    def _add_by_formula(self, batch: Batch) -> bool:
        recorder = Recorder(self.sink.trained, len(batch), self.folds or {})
        try:
            with recorder:
                losses = self.loss(*self.learner.outputs(batch))
            check_losses(losses, len(batch))
            if recorder.others(losses):
                return False
        except Unplanned:
            return False
        recorder.backward(losses, self.sink)
        return True


def _runs_channels_last(learner: Learner, two: Batch) -> bool:
    """Whether the network takes images so; one that flattens them with ``view`` does not."""
    if all(tensor.dim() != 4 for tensor in tensors_of(two.x)):
        return False
    try:
        with torch.no_grad():
            learner.outputs(replace(two, x=mapped(two.x, images_last)))
    except RuntimeError:
        return False
    return True


def _arranged(batch: Batch, axes: Axes, marks: Tensor | None, last: bool) -> Batch:
    """The batch without history, with images channels last if so, and the marked samples first."""
    if marks is not None:
        batch = at(batch, torch.argsort(~marks, stable=True), axes=axes)
    x = mapped(batch.x, Tensor.detach)
    return replace(batch, x=mapped(x, images_last) if last else x)
