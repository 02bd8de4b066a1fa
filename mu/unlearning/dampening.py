"""Selection and dampening of parameters by two importances, on D and on D_f (SSD)."""

from collections.abc import Mapping
from math import isfinite, log
from numbers import Real

import torch
from torch import Tensor, nn

from mu.errors import UsageError
from mu.unlearning import options

Importance = Mapping[str, Tensor]


def check_importance(name: str, found: Importance, like: Importance | None = None) -> None:
    """Refuse importances that cannot be dampened by.

    Args:
        name: What they are called in messages.
        found: Parameter name → tensor.
        like: Others, or the parameters themselves, that they must fit.

    Raises:
        UsageError: A value is negative or not finite, all are zero, or a name or shape differs.
    """
    if like is not None:
        check_fit(name, found, like)
    largest = 0.0
    for key, tensor in found.items():
        if not tensor.numel():
            continue
        low, high = (float(bound) for bound in tensor.aminmax())  # both are NaN if one value is
        if not (isfinite(low) and isfinite(high)):
            raise UsageError(f"{name} of {key} is not a finite number; is the loss finite there?")
        if low < 0:
            raise UsageError(f"{name} of {key} is negative")
        largest = max(largest, high)
    if largest == 0:
        raise UsageError(f"{name} is zero everywhere: the loss has no gradient there")


def check_fit(name: str, found: Importance, like: Importance) -> None:
    """Refuse importances of other parameters.

    Raises:
        UsageError: A name or shape differs.
    """
    alone = sorted(set(found) ^ set(like))
    if alone:
        raise UsageError(f"{name} belongs to another model: only one of the two has {alone[0]}")
    for key, tensor in found.items():
        if tensor.shape != like[key].shape:
            shapes = f"{tuple(tensor.shape)} and {tuple(like[key].shape)}"
            raise UsageError(f"{name} belongs to another model: {key} has the shapes {shapes}")


def ratios(importance_full: Importance, importance_forget: Importance) -> dict[str, Tensor]:
    """I_Df / I_D in float64: 0 where I_Df is 0, infinite where only I_D is.

    Example:
        >>> full, forget = torch.tensor([2.0, 0.0, 0.0]), torch.tensor([4.0, 1.0, 0.0])
        >>> ratios({"w": full}, {"w": forget})["w"].tolist()
        [2.0, inf, 0.0]
    """
    names, forget = list(importance_forget), pooled(importance_forget).double()
    full = pooled({name: importance_full[name] for name in names}).double()
    ratio = torch.where(forget == 0, 0.0, forget / full)
    shapes = [importance_forget[name].shape for name in names]
    parts = torch.split(ratio, [shape.numel() for shape in shapes])
    return {n: part.view(shape) for n, part, shape in zip(names, parts, shapes, strict=True)}


def pooled(found: Importance) -> Tensor:
    """All values of all parameters as one vector."""
    return torch.cat([tensor.flatten() for tensor in found.values()])


def alpha_of_share(
    importance_full: Importance,
    importance_forget: Importance,
    share: float,
    found: Importance | None = None,
) -> float:
    """The α that selects the share of parameters with the largest ratio I_Df / I_D.

    Selection is strict, so parameters whose ratio ties with the first one left out stay out too.
    ``found`` are their `ratios`, where they are at hand.

    Raises:
        UsageError: ``share`` is not in (0, 1].
    """
    options.share(share=share)
    pool = pooled(ratios(importance_full, importance_forget) if found is None else found)
    wanted = round(share * len(pool))
    if wanted >= len(pool):
        return 0.0
    return float(pool.kthvalue(len(pool) - wanted).values)


def adaptive_alpha(
    importance_full: Importance, importance_forget: Importance, forget_share: float
) -> float:
    r"""The α of ASSD (arXiv 2402.10098): a percentile of the ratios, by the share forgotten.

    .. math:: q = 100 - \ln(1 + 100 \, N_f / N)

    The pool leaves out what is 0/0 or x/0 in I_Df / I_D, as the published code does.

    Args:
        importance_full: On D.
        importance_forget: On D_f.
        forget_share: N_f / N, in (0, 1].

    Raises:
        UsageError: ``forget_share`` is out of range, or no ratio is finite.
    """
    if not 0 < forget_share <= 1:
        raise UsageError(f"|D_f| / |D| = {forget_share} is not between 0 and 1")
    found = {
        name: importance_forget[name].double() / full.double()
        for name, full in importance_full.items()
    }
    pool = pooled(found)
    pool = pool[torch.isfinite(pool)].sort().values
    if not len(pool):
        raise UsageError("no parameter has a finite ratio of importances")
    place = (1 - log(1 + 100 * forget_share) / 100) * (len(pool) - 1)
    low, high = pool[int(place)], pool[min(int(place) + 1, len(pool) - 1)]
    return float(low + (place - int(place)) * (high - low))  # linear, as numpy's percentile


def check_constants(alpha: float, lam: float) -> None:
    """Refuse constants out of range; an infinite α selects nothing.

    Raises:
        UsageError: α is no number or negative, or λ negative or not finite.
    """
    if not isinstance(alpha, Real) or isinstance(alpha, bool):
        raise UsageError(f"alpha={alpha!r} is no number")
    if not alpha >= 0:
        raise UsageError(f"alpha={alpha} must not be negative")
    options.not_negative(lam=lam)


def check_importances(model: nn.Module, full: Importance, forget: Importance) -> None:
    """Refuse two importances that a model cannot be dampened by.

    Raises:
        UsageError: The importances cannot be dampened by, or are not of this model.
    """
    parameters = dict(model.named_parameters())
    absent = [name for name in full if name not in parameters]
    if absent:
        raise UsageError(f"I_D belongs to another model: this one has no parameter {absent[0]}")
    check_importance("I_D", full, {name: parameters[name] for name in full})
    check_importance("I_Df", forget, full)


@torch.no_grad()
def dampen(
    model: nn.Module,
    importance_full: Importance,
    importance_forget: Importance,
    alpha: float,
    lam: float,
    found: Importance | None = None,
) -> int:
    r"""Shrink the parameters that matter more to D_f than to D, in place.

    .. math::
        \theta_i \leftarrow \min(\lambda I_{D,i} / I_{D_f,i},\, 1)\, \theta_i
        \quad \text{where} \quad I_{D_f,i} > \alpha I_{D,i}

    Args:
        model: Its parameters are changed; buffers, and parameters without importances, are not.
        importance_full: From `importance` on D.
        importance_forget: From `importance` on D_f.
        alpha: Selection threshold α ≥ 0.
        lam: Dampening constant λ ≥ 0.
        found: `ratios` of both, where they are at hand; then the importances were checked before.

    Returns:
        Number of selected parameters (single numbers, not tensors).

    Raises:
        UsageError: α or λ out of range, importances that are negative, not finite, zero everywhere
            or of another model; nothing is changed then.

    Example:
        >>> model = nn.Linear(3, 1, bias=False)
        >>> _ = model.weight.data.fill_(1.0)
        >>> full = {"weight": torch.tensor([[1.0, 1.0, 1.0]])}
        >>> forget = {"weight": torch.tensor([[1.0, 4.0, 8.0]])}
        >>> dampen(model, full, forget, alpha=4.0, lam=1.0), model.weight.tolist()
        (1, [[1.0, 1.0, 0.125]])
    """
    check_constants(alpha, lam)
    selected = 0
    if found is None:
        check_importances(model, importance_full, importance_forget)
        found = ratios(importance_full, importance_forget)
    parameters = dict(model.named_parameters())
    for name, ratio in found.items():
        chosen, full, forget = ratio > alpha, importance_full[name], importance_forget[name]
        count = int(chosen.count_nonzero())
        if count:
            factor = (lam * full / forget).clamp(max=1.0)
            parameters[name].copy_(torch.where(chosen, parameters[name] * factor, parameters[name]))
        selected += count
    return selected


def shares_by_tensor(found: Mapping[str, Tensor], alpha: float) -> dict[str, float]:
    """Share of each parameter tensor that a threshold selects.

    Args:
        found: From `ratios`.
        alpha: Selection threshold.

    Example:
        >>> shares_by_tensor({"w": torch.tensor([1.0, 3.0]), "b": torch.tensor([2.0])}, 2.0)
        {'w': 0.5, 'b': 0.0}
    """
    return {
        name: int((ratio > alpha).count_nonzero()) / max(ratio.numel(), 1)
        for name, ratio in found.items()
    }
