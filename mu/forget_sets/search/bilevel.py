"""The bi-level search for weights, whatever the lower level is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mu.errors import UsageError
from mu.evaluation.signals import Floats, Ids
from mu.forget_sets.search.projection import check_weights, project, top_m
from mu.unlearning.options import at_least, one_of

TWICE = 2
BETTER = 0.01  # a value lower by this share is progress


@dataclass(frozen=True)
class LowerLosses:
    """What the lower level leaves for one vector of weights.

    Attributes:
        losses: (n,) loss of each unit under the model that forgot with these weights.
        implicit: (n,) the part of the gradient that comes through that model; 0 for sign steps.
    """

    losses: Floats
    implicit: Floats | float = 0.0


@dataclass
class Found:
    """The result of a search.

    Attributes:
        chosen: Places of the m units, sorted.
        w: (n,) the last weights.
        history: One entry an iteration: ``value`` of the set that was forgotten, ``upper`` = Σ w ℓ
            with the new weights (as published), ``fractional`` weights, ``overlap_start`` and
            ``overlap_last`` of the new set with the first and with the last one, ``stable``: the
            rank correlation of the gradient with that of the last iteration.
    """

    chosen: Ids
    w: Floats
    history: list[dict[str, Any]] = field(default_factory=list)


def overlap(one: Ids, other: Ids) -> float:
    """Share of ``one`` that is in ``other``, 1 where both are empty.

    Example:
        >>> overlap(np.array([1, 2, 3, 4]), np.array([3, 4, 5, 6]))
        0.5
    """
    return float(np.isin(one, other).mean()) if len(one) else 1.0


def scale(gradient: Floats, budget: int) -> float:
    """Unit of a relative step: how far the values of the m lowest are apart.

    The standard deviation of all losses, a few of which are large, would be thousands of times what
    tells the candidates apart, and the search would stay where it began.

    Example:
        >>> scale(np.array([0.0, 1e-3, 2e-3, 9.0]), 3)
        0.002
    """
    low = np.partition(gradient, (0, max(budget - 1, 0)))
    found = float(low[max(budget - 1, 0)] - low[0])
    return found or float(gradient.std()) or 1.0


def bilevel(
    lower: Callable[[Floats], LowerLosses],
    start: Floats,
    budget: int,
    *,
    steps: int = 10,
    step: float = 1.0,
    kind: str = "relative",
    gamma: float = 0.0,
    average: bool = False,
    stable: float | None = 0.99,
    patience: int | None = 2,
    keep: str = "best",
    sign: int = 1,
) -> Found:
    r"""Alternate between forgetting with weights w and moving w to what is still known.

    .. math:: w \leftarrow \Pi\Big(w - \eta \big(\tfrac1s (\ell(\theta_u(w)) + \text{implicit})
        + 2 \gamma w\big)\Big)

    γ is not divided by s: beside losses of 10⁻⁶ a γ of 10⁻⁴ would throw out whatever is chosen.

    A lower level that draws (batches, first weights) leaves losses with noise, and the m lowest of
    n noisy losses are those that were lucky. ``average`` puts the mean over all iterations so far
    in their place, as stochastic approximation does, so that the set settles.

    Args:
        lower: Forgets with weights (n,), from the same model each time.
        start: (n,) first weights, in {0 ≤ w ≤ 1, Σ w = m}.
        budget: M.
        steps: Iterations, each with a lower level, at most.
        step: η.
        kind: "relative": s is the `scale` of the gradient; "absolute": s = 1, as published.
        gamma: γ.
        average: Step along the mean of the gradients so far, not along the last one.
        stable: End once the set overlaps the last one by this share, twice in a row (weights may
            still move below a set that does not); None does not look at it.
        patience: End after so many iterations in a row none of which lowered the best value by a
            hundredth; None does not look at it.
        keep: "best": the set whose forgetting left the lowest mean loss on it, with ``average`` the
            last one, of which most is known; "last": that of the last weights, as published.
        sign: 1 looks for what stays known (hardest), −1 for what is forgotten best (easiest).

    Raises:
        UsageError: An option out of range, or a loss that is not finite.
    """
    from scipy.stats import spearmanr

    one_of(kind=(kind, ("relative", "absolute")), keep=(keep, ("best", "last")))
    at_least(1, patience=patience, null="endless patience")
    if steps < 1 or not step > 0 or gamma < 0 or sign not in (1, -1):
        raise UsageError(f"steps={steps}, step={step}, gamma={gamma}, sign={sign} make no sense")
    w = check_weights(start, budget).copy()
    chosen = first = top_m(w, budget)
    best, value = chosen, float("inf") * sign
    history: list[dict[str, Any]] = []
    before: Floats | None = None
    total = np.zeros(len(w))
    still = waited = 0
    for done in range(1, steps + 1):
        found = lower(w)
        losses = found.losses
        now = float(losses[chosen].mean()) if budget else 0.0
        waited = 0 if np.isinf(value) or sign * (value - now) > BETTER * abs(value) else waited + 1
        if sign * now < sign * value:
            best, value = chosen, now
        gradient = sign * (losses + found.implicit)
        total += gradient
        if average:
            gradient = total / done
        unit = scale(gradient, budget) if kind == "relative" else 1.0
        w = project(w - step * (gradient / unit + 2 * gamma * w), budget)
        last, chosen = chosen, top_m(w, budget)
        again = overlap(chosen, last)
        history.append(
            {
                "value": now,
                "upper": float(w @ losses),
                "fractional": int(((w > 0) & (w < 1)).sum()),
                "overlap_start": overlap(chosen, first),
                "overlap_last": again,
                "stable": None if before is None else float(spearmanr(gradient, before).statistic),
            }
        )
        before = gradient
        still = still + 1 if stable is not None and again >= stable else 0
        if still == TWICE or waited == patience:
            break
    if average or keep == "last":
        return Found(chosen, w, history)
    return Found(best, w, history)
