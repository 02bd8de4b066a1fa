"""Conjugate gradients with a damped matrix that must prove positive on the way."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, cg
from torch import Tensor

from mu.errors import StepFailed, UsageError

Product = Callable[[Tensor], Tensor]
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Solution:
    """What a solver found.

    Attributes:
        x: (P,) float64.
        iterations: Products with the matrix.
        residual: ‖v − (A + λI) x‖ / ‖v‖; 0 where v is 0.
    """

    x: Tensor
    iterations: int
    residual: float


def solve(
    product: Product, v: Tensor, damping: float, tolerance: float = 1e-6, iterations: int = 100
) -> Solution:
    r"""Solve (A + λI) x = v for a symmetric A given by its products.

    Vectors are float64. Every search direction p is checked: a value
    :math:`p^\top (A + \lambda I) p \le 0` shows that the matrix is not positive definite, and then
    the iterates mean nothing. Stopped by ``iterations``, x is the minimiser of the quadratic over
    the Krylov space found so far.

    Args:
        product: Maps a (P,) float64 vector p to A p.
        v: (P,) right-hand side.
        damping: λ ≥ 0.
        tolerance: Relative residual at which to stop.
        iterations: Most products to spend.

    Raises:
        UsageError: ``damping`` is negative, ``tolerance`` or ``iterations`` is not positive.
        StepFailed: The matrix is not positive definite; the message has the value and the way out.

    Example:
        >>> found = solve(lambda p: 3 * p, torch.tensor([4.0, 8.0]), damping=1.0)
        >>> found.x.tolist(), found.iterations
        ([1.0, 2.0], 1)
    """
    if damping < 0 or tolerance <= 0 or iterations < 1:
        raise UsageError(
            f"damping={damping} must not be negative, tolerance={tolerance} and "
            f"iterations={iterations} must be positive"
        )
    walk = _Walk(product, v, damping)
    matrix = LinearOperator((len(v), len(v)), matvec=walk.product, dtype=np.float64)
    right = walk.residual.copy()
    x, _ = cg(matrix, right, rtol=tolerance, atol=0.0, maxiter=iterations, callback=walk.stepped)
    norm = float(np.linalg.norm(right))
    left = float(np.linalg.norm(walk.residual)) / norm if norm else 0.0
    return Solution(torch.from_numpy(x).to(v.device), walk.spent, left)


class _Walk:
    """The products of one solve: checks each direction and keeps the residual without more."""

    def __init__(self, product: Product, v: Tensor, damping: float) -> None:
        self.apply, self.damping, self.device, self.spent = product, damping, v.device, 0
        self.residual: Vector = v.double().cpu().numpy().copy()
        self.x: Vector = np.zeros_like(self.residual)
        self.p = self.image = self.x

    def product(self, p: Vector) -> Vector:
        """(A + λI) p, once pᵀ (A + λI) p is known to be positive."""
        self.spent += 1
        p = p.ravel().copy()
        image = self.apply(torch.from_numpy(p).to(self.device)).double().cpu().numpy()
        image = image + self.damping * p
        curvature = float(p @ image) / float(p @ p)
        if not curvature > 0:
            raise StepFailed(
                f"negative curvature: pᵀ(H + λI)p / pᵀp = {curvature:.3g} in step {self.spent} "
                f"at damping={self.damping:g}; raise damping well above "
                f"{self.damping - curvature:.3g}"
            )
        self.p, self.image = p, image
        return image

    def stepped(self, x: Vector) -> None:
        """Follow the step x − x_before = α p, whose residual falls by α (A + λI) p."""
        alpha = float((x - self.x) @ self.p) / float(self.p @ self.p)
        self.residual, self.x = self.residual - alpha * self.image, x.copy()
