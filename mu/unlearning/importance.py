"""Importance of parameters on a set of samples: the diagonal of the empirical Fisher."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.errors import UsageError
from mu.gradients.per_sample import Loss, Power, per_sample_sums
from mu.gradients.processes import own, summed
from mu.models.base import Learner, as_batch, evaluation_mode
from mu.unlearning.dampening import Importance, check_fit
from mu.unlearning.options import at_least, one_of, positive
from mu.unlearning.stored import Read

Fisher = Literal["batch", "per_sample"]
ImportanceLoss = Literal["cross_entropy", "logit_norm"]
Order = Literal["shuffled", "ids", "classes"]
POWERS: dict[str, Callable[[Tensor], Tensor]] = {"square": torch.square, "abs": torch.abs}


def mean_over_batches(
    model: nn.Module,
    batches: Iterable[Any],
    transform: Callable[[Tensor], Tensor],
    loss: Loss,
) -> dict[str, Tensor]:
    """Mean over batches of ``transform(gradient of the batch's mean loss)``.

    Args:
        model: A Learner or any module that returns logits; put in evaluation mode and restored.
        batches: ``(x, y)`` or `Batch`; read once.
        transform: Element-wise function of a gradient.
        loss: (logits, targets) → (n,) losses.

    Returns:
        A tensor for each parameter that requires a gradient.

    Raises:
        UsageError: There are no batches.
    """
    learner = model if isinstance(model, Learner) else Learner(model)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    total = {name: torch.zeros_like(p) for name, p in trained.items()}
    count = 0
    with evaluation_mode(model), torch.enable_grad():
        for item in own(batches):
            count += 1
            value = loss(*learner.outputs(as_batch(item))).mean()
            if not value.requires_grad:
                continue
            gradients = torch.autograd.grad(value, list(trained.values()), allow_unused=True)
            for sum_, gradient in zip(total.values(), gradients, strict=True):
                if gradient is not None:
                    sum_ += transform(gradient)
    total, (count,) = summed(total, count)
    if count == 0:
        raise UsageError("there are no batches to take gradients of")
    return {name: value / count for name, value in total.items()}


def importance(
    model: nn.Module,
    batches: Iterable[Any],
    fisher: Fisher = "batch",
    loss: ImportanceLoss = "cross_entropy",
    memory_mb: int = 64,
) -> dict[str, Tensor]:
    r"""Importance of each parameter on a set: the diagonal of the empirical Fisher.

    ``per_sample`` is the paper's quantity, ``batch`` what the published code computes:

    .. math::
        I_i = \frac{1}{N} \sum_n \Big(\frac{\partial \ell_n}{\partial \theta_i}\Big)^2
        \qquad
        I_i = \frac{1}{B} \sum_b \Big(\frac{\partial}{\partial \theta_i}
        \frac{1}{|b|} \sum_{n \in b} \ell_n\Big)^2

    In the batch form a short last batch counts as a full one, and the value depends on batch size
    and order. ``logit_norm`` is the label-free variant (arXiv 2402.19308): the loss is the squared
    norm of the logits and importance the mean *absolute* gradient.

    Args:
        model: Returns logits (n, C); evaluation mode inside, restored afterwards.
        batches: Iterable of ``(x, y)``.
        fisher: "batch" or "per_sample".
        loss: "cross_entropy" or "logit_norm".
        memory_mb: Bound on the memory of per-sample gradients.

    Returns:
        Name → tensor of the parameter's shape; frozen parameters are absent.

    Raises:
        UsageError: Unknown ``fisher`` or ``loss``, or there are no batches.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = model.weight.data.fill_(0.0)
        >>> found = importance(model, [(torch.tensor([[2.0]]), torch.tensor([1]))])
        >>> found["weight"].item()   # the gradient is (sigmoid(0) - 1) * 2 = -1
        1.0
    """
    learner = model if isinstance(model, Learner) else Learner(model)
    losses, power = form_of(learner, fisher, loss)
    if fisher == "batch":
        return mean_over_batches(model, batches, POWERS[power], losses)
    sums = per_sample_sums(learner, batches, losses, power=power, memory_mb=memory_mb)
    if sums.count == 0:
        raise UsageError("there are no batches to take gradients of")
    # A Learner made here around a bare model names parameters by its own attribute.
    prefix = "" if learner is model else "network."
    return {n.removeprefix(prefix): total / sums.count for n, total in sums.total.items()}


def importances(
    learner: Learner,
    batches: Iterable[Batch],
    gone: Tensor,
    loss: ImportanceLoss = "cross_entropy",
    memory_mb: int = 64,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Per-sample importances on D and on D_f ⊂ D from one pass over D.

    Args:
        learner: The model.
        batches: All of D, with ids in ``Batch.index``.
        gone: (N_f,) ids of D_f.
        loss: "cross_entropy" or "logit_norm".
        memory_mb: Bound on the memory of per-sample gradients.

    Returns:
        What `importance` gives for D, and for D_f.

    Raises:
        UsageError: No sample of D_f was among the batches.
    """
    losses, power = form_of(learner, "per_sample", loss)
    sums = per_sample_sums(
        learner,
        batches,
        losses,
        power=power,
        select=lambda batch: torch.isin(batch.index.cpu(), gone),
        memory_mb=memory_mb,
    )
    if not sums.selected or not sums.count_selected:
        raise UsageError("no sample that is to be forgotten was trained on")
    full = {name: total / sums.count for name, total in sums.total.items()}
    return full, {name: total / sums.count_selected for name, total in sums.selected.items()}


def form_of(learner: Learner, fisher: str, loss: str) -> tuple[Loss, Power]:
    """The loss of each sample and which power of its gradient counts.

    Raises:
        UsageError: Unknown ``fisher`` or ``loss``.
    """
    check_form(fisher, loss)
    if loss == "logit_norm":
        return lambda z, _: z.flatten(1).square().sum(1) if z.dim() > 1 else z.square(), "abs"
    return lambda z, y: learner.loss(z, y, reduction="none"), "square"


def check_form(fisher: str, loss: str) -> None:
    """Refuse unknown forms of importance.

    Raises:
        UsageError: Unknown ``fisher`` or ``loss``.
    """
    one_of(fisher=(fisher, ("batch", "per_sample")), loss=(loss, ("cross_entropy", "logit_norm")))


def reading(order: str, batch_size: int | None) -> dict[str, Any]:
    """Options of `mu.parts.part.Part.batches` that give an order.

    Raises:
        UsageError: Unknown order, or a batch without samples.
    """
    at_least(1, batch_size=batch_size, null="one batch")
    one_of(order=(order, ("shuffled", "ids", "classes")))
    options: dict[str, Any] = {"batch_size": batch_size}
    if order == "shuffled":
        return options | {"shuffle": True}
    return options | ({"by_class": True} if order == "classes" else {})


def downdate(
    importance_full: Importance, importance_forget: Importance, n_full: int, n_forget: int
) -> dict[str, Tensor]:
    r"""Importance on D without D_f, from those on D and on D_f, in the per-sample form.

    .. math:: I_{D \setminus D_f} = \frac{N I_D - N_f I_{D_f}}{N - N_f}

    Exact at fixed weights, up to rounding in the last digits of N I_D: where nearly all of a value
    comes from D_f, little of what is left is significant, and what rounds below 0 becomes 0.

    Args:
        importance_full: Mean over the ``n_full`` samples of D.
        importance_forget: Mean over the ``n_forget`` samples of D_f ⊂ D.
        n_full: |D|.
        n_forget: |D_f|, less than |D|.

    Raises:
        UsageError: Impossible numbers of samples, or importances of two models.

    Example:
        >>> full, gone = {"w": torch.tensor([2.0])}, {"w": torch.tensor([5.0])}
        >>> downdate(full, gone, n_full=4, n_forget=1)["w"].item()   # (4 · 2 − 5) / 3
        1.0
    """
    if not 0 <= n_forget < n_full:
        raise UsageError(f"{n_forget} of {n_full} samples cannot be taken out")
    check_fit("I_Df", importance_forget, importance_full)
    if n_forget == 0:
        return {name: full.clone() for name, full in importance_full.items()}
    left = {}
    for name, full in importance_full.items():
        whole = n_full * full.double() - n_forget * importance_forget[name].double()
        left[name] = (whole / (n_full - n_forget)).clamp(min=0.0).to(full.dtype)
    return left


class FullImportance:
    """Importance on all of D, as it is stored with the original.

    Args:
        fisher: "batch" or "per_sample".
        loss: "cross_entropy" or "logit_norm".
        batch_size: Samples a batch.
        order: "shuffled" (once, by the seed), "ids", or "classes" (class after class).
        memory_mb: Bound on the memory of per-sample gradients.

    Raises:
        UsageError: An option out of range.
    """

    def __init__(
        self,
        fisher: Fisher = "batch",
        loss: ImportanceLoss = "cross_entropy",
        batch_size: int | None = 64,
        order: Order = "shuffled",
        memory_mb: int = 64,
    ) -> None:
        check_form(fisher, loss)
        self.reading = reading(order, batch_size)
        positive(memory_mb=memory_mb)
        self.fisher, self.loss, self.batch_size = fisher, loss, batch_size
        self.order, self.memory_mb = order, memory_mb

    def __call__(self, learner: Learner, read: Read) -> dict[str, Tensor]:
        """Name → importance, by the names of the learner's parameters."""
        return importance(learner, read(**self.reading), **self.form)

    @property
    def form(self) -> dict[str, Any]:
        """Options of `importance`."""
        return {"fisher": self.fisher, "loss": self.loss, "memory_mb": self.memory_mb}
