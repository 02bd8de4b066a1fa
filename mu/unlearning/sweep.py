"""Many thresholds and constants of SSD from one pair of importances."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from mu.unlearning.dampening import check_constants, dampened, parameters_of
from mu.unlearning.ratios import Importance, pooled, ratios


def sweep(
    model: nn.Module,
    importance_full: Importance,
    importance_forget: Importance,
    alphas: Sequence[float],
    lams: Sequence[float] = (1.0,),
) -> Iterator[tuple[float, float, int, dict[str, Tensor]]]:
    """Every (α, λ) from two importances, without any further pass over data.

    Args:
        model: Not changed.
        importance_full: From `importance` on D.
        importance_forget: From `importance` on D_f.
        alphas: Selection thresholds.
        lams: Dampening constants.

    Returns:
        Iterator of α, λ, the number of selected parameters (all from one sort of the ratios), and
        the state `dampen` would leave: ``model.load_state_dict`` takes it.

    Raises:
        UsageError: As `dampen` does, before the first state.

    Example:
        >>> model = nn.Linear(3, 1, bias=False)
        >>> _ = model.weight.data.fill_(1.0)
        >>> full = {"weight": torch.tensor([[1.0, 1.0, 1.0]])}
        >>> forget = {"weight": torch.tensor([[1.0, 4.0, 8.0]])}
        >>> [(a, n, s["weight"].tolist()) for a, _, n, s in sweep(model, full, forget, [2, 5])]
        [(2, 2, [[1.0, 0.25, 0.125]]), (5, 1, [[1.0, 1.0, 0.125]])]
    """
    for alpha in alphas:
        check_constants(alpha, 0.0)
    for lam in lams:
        check_constants(0.0, lam)
    parameters_of(model, importance_full, importance_forget)
    return _states(model, importance_full, importance_forget, alphas, lams)


def _states(
    model: nn.Module,
    full: Importance,
    forget: Importance,
    alphas: Sequence[float],
    lams: Sequence[float],
) -> Iterator[tuple[float, float, int, dict[str, Tensor]]]:
    found = ratios(full, forget)
    ordered = pooled(found).sort().values
    name_of = {id(parameter): name for name, parameter in model.named_parameters()}
    held = model.state_dict(keep_vars=True)
    state = {key: tensor.detach().clone() for key, tensor in held.items()}
    keys = {key: name_of[id(tensor)] for key, tensor in held.items() if id(tensor) in name_of}
    for alpha in alphas:
        selected = len(ordered) - int(torch.searchsorted(ordered, float(alpha), right=True))
        for lam in lams:
            changed = {
                name: dampened(state[name], full[name], forget[name], ratio > alpha, lam)
                for name, ratio in found.items()
            }
            # A weight used in two places has two keys and one name.
            shared = {key: changed[name] for key, name in keys.items() if name in changed}
            yield alpha, lam, selected, state | shared
