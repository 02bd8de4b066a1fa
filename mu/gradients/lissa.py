"""LiSSA: an inverse Hessian times a vector, as a power series (Agarwal et al. 2017)."""

from torch import Tensor

from mu.errors import StepFailed, UsageError
from mu.gradients.conjugate import Product, Solution

GROWTH = 1 + 1e-5  # float32 products are not exact


def lissa(product: Product, v: Tensor, damping: float, scale: float, steps: int) -> Solution:
    r"""Approximate (A + λI)⁻¹ v.

    .. math:: h_0 = v, \qquad h_{k+1} = v + M h_k, \qquad M = I - (A + \lambda I) / \sigma,
        \qquad x = h / \sigma

    It converges exactly when every eigenvalue of (A + λI)/σ lies in (0, 2). Computed by its terms
    :math:`M^k v`: for a symmetric A the ratio of one term's norm to the one before never falls, so
    a single term that grows proves that the series diverges.

    Args:
        product: Maps a (P,) float64 vector p to A p; the same A at every step.
        v: (P,) right-hand side.
        damping: λ ≥ 0.
        scale: σ > 0, above half of the largest eigenvalue of A + λI.
        steps: Products to spend.

    Returns:
        x, the steps, and ‖Mᵏ v‖ / ‖v‖, a bound on the relative residual ‖Mᵏ⁺¹ v‖ / ‖v‖.

    Raises:
        UsageError: ``damping`` is negative, ``scale`` or ``steps`` is not positive.
        StepFailed: The series diverges; the message names both ways out.

    Example:
        >>> import torch
        >>> lissa(lambda p: 3 * p, torch.tensor([4.0]), damping=1.0, scale=5.0, steps=60).x.item()
        1.0
    """
    if damping < 0 or scale <= 0 or steps < 1:
        raise UsageError(
            f"damping={damping} must not be negative, scale={scale} and steps={steps} must be "
            "positive"
        )
    term = v.double()
    total = term.clone()
    first = before = float(term.norm())
    for step in range(1, steps + 1):
        term = term - (product(term).double() + damping * term) / scale
        now = float(term.norm())
        if not now <= before * GROWTH:
            raise StepFailed(
                f"LiSSA diverges: its terms grow from step {step} on (by {now / before - 1:.2g} a "
                f"step) at damping={damping:g}, scale={scale:g}; raise scale if the largest "
                "eigenvalue is above twice that, damping if the smallest is negative"
            )
        total += term
        before = now
    return Solution(total / scale, steps, before / first if first else 0.0)
