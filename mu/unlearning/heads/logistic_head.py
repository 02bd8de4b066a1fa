r"""A logistic head whose training is perturbed, and the removal of rows from it (Guo et al. 2020).

The objective of one head over rows x_i with labels y_i = ±1 is

.. math:: L_b(w) = \sum_i \ln(1 + e^{-y_i w^\top x_i})
    + \tfrac{\lambda n}{2} \|w\|^2 + b^\top w
"""

import math

import torch
from torch import Tensor

from mu.errors import StepFailed, UsageError
from mu.unlearning.options import must_be, positive

PAPER_GAMMA = 0.25
SHARP_GAMMA = math.sqrt(3) / 18
NEWTON_STEPS = 200
KEEPS = 0.5  # a Hessian is kept as long as its step leaves at most this share of the gradient


def _objective(w: Tensor, x: Tensor, y: Tensor, lam: float, b: Tensor) -> Tensor:
    """L_b(w), a number."""
    losses = torch.nn.functional.softplus(-y * (x @ w))
    return losses.sum() + lam * len(x) / 2 * (w @ w) + b @ w


def gradient(w: Tensor, x: Tensor, y: Tensor, lam: float, b: Tensor) -> Tensor:
    """(d,) gradient of L_b at w; its norm is the residual that certificates bound."""
    return x.T @ (-y * torch.sigmoid(-y * (x @ w))) + lam * len(x) * w + b


def hessian(w: Tensor, x: Tensor, lam: float) -> Tensor:
    """(d, d) Hessian of L_b at w; neither labels nor b are in it."""
    s = torch.sigmoid(x @ w)
    identity = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    return (x * (s * (1 - s))[:, None]).T @ x + lam * len(x) * identity


def train_head(x: Tensor, y: Tensor, lam: float, b: Tensor, tolerance: float = 1e-12) -> Tensor:
    """The minimum of L_b, by Newton's method with step halving.

    A factored Hessian, which costs n d² where a gradient costs n d, serves the next steps too while
    the gradient shrinks fast enough with it.

    Args:
        x: (n, d) float64 rows.
        y: (n,) labels −1 or 1.
        lam: λ > 0.
        b: (d,) perturbation.
        tolerance: Norm of the gradient per row at which to stop.

    Returns:
        (d,) weights.

    Raises:
        UsageError: ``lam`` is not positive, there are no rows, or labels are not ±1.
        StepFailed: No minimum is reached, which only numbers that are not finite can cause.

    Example:
        >>> x, y = torch.ones(2, 1).double(), torch.tensor([1.0, -1.0]).double()
        >>> train_head(x, y, 1.0, torch.zeros(1).double()).item()   # the labels cancel
        0.0
    """
    positive(lam=lam)
    if len(x) == 0:
        raise UsageError("there are no rows to train a logistic head on")
    if not bool((y.abs() == 1).all()):
        raise UsageError("labels of a logistic head are -1 and 1")
    w = torch.zeros_like(b)
    factor, before = None, math.inf
    for _ in range(NEWTON_STEPS):
        slope = gradient(w, x, y, lam, b)
        left = float(slope.norm())
        # Steps with a kept factor cost little, so they go on to where rounding ends them.
        if left <= tolerance * len(x) and left >= KEEPS * before:
            return w
        if factor is None or not left <= KEEPS * before:
            factor = torch.linalg.lu_factor(hessian(w, x, lam))
        before = left
        step = torch.linalg.lu_solve(*factor, slope[:, None])[:, 0]
        value, size = _objective(w, x, y, lam, b), 1.0
        # Near the minimum the value no longer resolves a decrease, and whole steps are right.
        while (
            size > 1e-4 and _objective(w - size * step, x, y, lam, b) > value + 1e-12 * value.abs()
        ):
            size /= 2
        w = w - size * step
    raise StepFailed(f"the head has a gradient of {left:.3g} after {NEWTON_STEPS} steps")


def removal_update(w: Tensor, x_gone: Tensor, y_gone: Tensor, x_kept: Tensor, lam: float) -> Tensor:
    r"""Newton's step of a head when rows leave its objective.

    .. math:: H^{-1} \Big( m \lambda w + \sum_{j \text{ gone}} \nabla \ell_j(w) \Big), \qquad
        H = \sum_{\text{kept}} \ell''_i x_i x_i^\top + \lambda (n - m) I

    (arXiv 1911.03030, equation 3; the perturbation drops out.)

    Args:
        w: (d,) weights before.
        x_gone: (m, d) rows that leave.
        y_gone: (m,) their labels −1 or 1.
        x_kept: (n − m, d) rows that stay.
        lam: λ.

    Returns:
        (d,) step; the new weights are ``w + step``.

    Raises:
        UsageError: No row leaves or none stays.
    """
    if len(x_gone) == 0 or len(x_kept) == 0:
        raise UsageError(f"{len(x_gone)} rows leave and {len(x_kept)} stay: both are needed")
    pull = gradient(w, x_gone, y_gone, lam, torch.zeros_like(w))
    step: Tensor = torch.linalg.solve(hessian(w, x_kept, lam), pull)
    return step


def spectral_norm(x: Tensor) -> float:
    """‖X‖₂, exact: from the largest eigenvalue of the (d, d) matrix XᵀX."""
    return math.sqrt(max(float(torch.linalg.eigvalsh(x.T @ x)[-1]), 0.0))


def residual_bound(
    x_kept: Tensor, step: Tensor, gamma: float = PAPER_GAMMA, norm: float | None = None
) -> float:
    r"""Bound on what one removal adds to the gradient of the objective that is left.

    .. math:: \beta = \gamma \, \|X\|_2 \, \|s\|_2 \, \|X s\|_2

    for the step s and the rows X that stay (arXiv 1911.03030, corollary 1). Bounds of removals one
    after another add up.

    Args:
        x_kept: (n, d) rows that stay, each of norm at most 1.
        step: (d,) from `removal_update`.
        gamma: Lipschitz constant of ℓ''; 1/4 as published, √3/18 is the sharp value.
        norm: ‖X‖₂ where it is known already.

    Raises:
        UsageError: A row is longer than 1, where the bound does not hold.

    Example:
        >>> residual_bound(torch.eye(2).double(), torch.tensor([0.0, 2.0]).double())
        1.0
    """
    longest = float(x_kept.norm(dim=1).max())
    if longest > 1 + 1e-9:
        raise UsageError(
            f"a row has norm {longest:.4g}; the bound holds for rows of norm at most 1"
        )
    norm = spectral_norm(x_kept) if norm is None else norm
    return gamma * norm * float(step.norm()) * float((x_kept @ step).norm())


def residual_budget(sigma: float, epsilon: float, delta: float) -> float:
    r"""Residual up to which a head with perturbation b ~ N(0, σ²I) is (ε, δ)-certified.

    .. math:: \sigma \epsilon / \sqrt{2 \ln(1.5 / \delta)}

    (arXiv 1911.03030, theorem 3.)

    Raises:
        UsageError: An argument is not positive, or δ is not below 1.

    Example:
        >>> round(residual_budget(sigma=10.0, epsilon=1.0, delta=1e-4), 4)
        2.2803
    """
    positive(sigma=sigma, epsilon=epsilon)
    must_be("in (0, 1)", lambda value: 0 < value < 1, delta=delta)
    return sigma * epsilon / math.sqrt(2 * math.log(1.5 / delta))
