"""Selective Synaptic Dampening (Foster, Schoepf and Brintrup, arXiv 2308.07707)."""

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from mu.errors import UsageError
from mu.models.base import Learner
from mu.unlearning.base import Unlearner
from mu.unlearning.curvature import mean_over_gradients

Fisher = Literal["batch", "per_sample"]
ImportanceLoss = Literal["cross_entropy", "logit_norm"]


def importance(
    model: nn.Module,
    batches: Iterable[Any],
    fisher: Fisher = "batch",
    loss: ImportanceLoss = "cross_entropy",
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

    Returns:
        Name → tensor of the parameter's shape; frozen parameters are absent.

    Raises:
        UsageError: Unknown ``fisher`` or ``loss``.
        ValueError: There are no batches.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = model.weight.data.fill_(0.0)
        >>> found = importance(model, [(torch.tensor([[2.0]]), torch.tensor([1]))])
        >>> found["weight"].item()   # the gradient is (sigmoid(0) - 1) * 2 = -1
        1.0
    """
    if fisher not in ("batch", "per_sample"):
        raise UsageError(f"fisher={fisher!r} is neither 'batch' nor 'per_sample'")
    if loss == "logit_norm":
        return mean_over_gradients(
            model, batches, torch.abs, fisher == "per_sample", lambda z, _: z.square().sum(-1)
        )
    if loss != "cross_entropy":
        raise UsageError(f"loss={loss!r} is neither 'cross_entropy' nor 'logit_norm'")
    learner = model if isinstance(model, Learner) else Learner(model)
    return mean_over_gradients(
        model,
        batches,
        torch.square,
        fisher == "per_sample",
        lambda z, y: learner.loss(z, y, reduction="none"),
    )


def ratios(
    importance_full: dict[str, Tensor], importance_forget: dict[str, Tensor]
) -> dict[str, Tensor]:
    """I_Df / I_D in float64: 0 where I_Df is 0, infinite where only I_D is."""
    found = {}
    for name, forget in importance_forget.items():
        ratio = forget.double() / importance_full[name].double()
        found[name] = torch.where(forget == 0, 0.0, ratio)
    return found


def alpha_of_share(
    importance_full: dict[str, Tensor], importance_forget: dict[str, Tensor], share: float
) -> float:
    """The α that selects the share of parameters with the largest ratio I_Df / I_D.

    Raises:
        UsageError: ``share`` is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise UsageError(f"share={share} is not between 0 and 1")
    pool = torch.cat([r.flatten() for r in ratios(importance_full, importance_forget).values()])
    wanted = round(share * len(pool))
    if wanted >= len(pool):
        return 0.0
    # Selection is strict, so the first ratio that stays out is the threshold.
    return float(pool.kthvalue(len(pool) - wanted).values)


@torch.no_grad()
def dampen(
    model: nn.Module,
    importance_full: dict[str, Tensor],
    importance_forget: dict[str, Tensor],
    alpha: float,
    lam: float,
) -> int:
    r"""Shrink the parameters that matter more to D_f than to D, in place.

    .. math::
        \theta_i \leftarrow \min(\lambda I_{D,i} / I_{D_f,i},\, 1)\, \theta_i
        \quad \text{where} \quad I_{D_f,i} > \alpha I_{D,i}

    Args:
        model: Its parameters are changed; buffers are not.
        importance_full: From `importance` on D; names absent from it are left alone.
        importance_forget: From `importance` on D_f.
        alpha: Selection threshold α ≥ 0.
        lam: Dampening constant λ ≥ 0.

    Returns:
        Number of selected parameters (single numbers, not tensors).
    """
    if alpha < 0 or lam < 0:
        raise UsageError(f"alpha={alpha} and lam={lam} must not be negative")
    selected = 0
    for name, parameter in model.named_parameters():
        if name not in importance_full or name not in importance_forget:
            continue
        full, forget = importance_full[name], importance_forget[name]
        chosen = forget > alpha * full
        factor = (lam * full / forget).clamp(max=1.0)
        parameter.copy_(torch.where(chosen, parameter * factor, parameter))
        selected += int(chosen.sum())
    return selected


class SSD(Unlearner):
    """Dampen the parameters that are disproportionately important to D_f.

    Args:
        alpha: Selection threshold α, or None to choose it by ``share``.
        share: Share of parameters to select when ``alpha`` is None. No single α works from class
            to class on balanced data; a share does.
        lam: Dampening constant λ.
        fisher: "batch" (published code) or "per_sample" (paper); never share an α between them.
        loss: "cross_entropy", or "logit_norm" for the label-free variant.
        batch_size: Part of the method in the batch form.
        shuffle: Whether D and D_f are shuffled once (seeded) or taken in the order of their ids.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "full"})

    def __init__(
        self,
        alpha: float | None = None,
        share: float = 0.01,
        lam: float = 1.0,
        fisher: Fisher = "batch",
        loss: ImportanceLoss = "cross_entropy",
        batch_size: int | None = 64,
        shuffle: bool = True,
    ) -> None:
        super().__init__()
        self.alpha, self.share, self.lam = alpha, share, lam
        self.fisher, self.importance_loss = fisher, loss
        self.batch_size, self.shuffle = batch_size, shuffle

    def _importance(self, part: str) -> dict[str, Tensor]:
        batches = self.batches(
            part, batch_size=self.batch_size, shuffle=self.shuffle, seed=self.context.seed
        )
        return importance(self.learner, batches, self.fisher, self.importance_loss)

    def solve(self) -> None:
        with self.setup_cost():
            full = self._importance("full")
        forget = self._importance("forget")
        alpha = self.alpha
        if alpha is None:
            alpha = alpha_of_share(full, forget, self.share)
        largest = max(float(r.max()) for r in ratios(full, forget).values())
        selected = dampen(self.learner, full, forget, alpha, self.lam)
        size = sum(t.numel() for t in full.values())
        self.facts = {
            "alpha": alpha,
            "lambda": self.lam,
            "fisher": self.fisher,
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "selected": selected,
            "selected_share": selected / size,
            "largest_ratio": largest,
        }
        if selected == 0:
            self.warn(
                f"SSD selected nothing: alpha={alpha:g}, but no parameter has I_Df/I_D above "
                f"{largest:.3g} (per sample the ratio cannot exceed |D|/|D_f|); "
                "lower alpha or use share"
            )
