"""The inverse of a ridge head's matrix, kept as one triangle and a few columns beside it."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg.blas import dgemm, dsymm, dsymv, dsyrk, dtrsm
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs

from mu.analytic.statistics import Intake, Matrix
from mu.errors import UsageError


def factor(gram: Matrix, gamma: float) -> Matrix:
    """Lower Cholesky factor L of A = G + γI, of the lower triangle of G.

    Raises:
        UsageError: A is not positive definite in float64.
    """
    matrix = gram.copy(order="F")
    matrix[np.diag_indices(len(matrix))] += gamma
    found, failed = dpotrf(matrix, lower=1, clean=0, overwrite_a=1)
    if failed:
        raise UsageError(
            f"the matrix of the head is not positive definite with gamma={gamma}; take a larger one"
        )
    return np.asarray(found)


def solution(lower: Matrix, cross: Matrix) -> Matrix:
    """W = A⁻¹ Q of the factor of A, (d, C)."""
    return np.asarray(dpotrs(lower, cross, lower=1)[0]) if cross.shape[1] else cross.copy()


@dataclass
class Inverse:
    """R = A⁻¹ = R₀ + Σ ±z zᵀ, where the columns z are folded into R₀ from time to time.

    Reading one triangle of R₀ is all that a small request then costs, and R stays symmetric to the
    last bit, without which errors grow with every request.

    Attributes:
        base: R₀, (d, d) in column order, lower triangle.
        columns: Room for the z, (d, r); those in use are said by the caller.
        signs: Of each column, (r,).
    """

    base: Matrix
    columns: Matrix
    signs: Matrix

    @classmethod
    def of(cls, lower: Matrix, room: int) -> "Inverse":
        """From a Cholesky factor, which is overwritten."""
        base = np.asarray(dpotri(lower, lower=1, overwrite_c=1)[0])
        return cls(base, np.zeros((len(base), room), order="F"), np.zeros(room))

    def times(self, right: Matrix, used: int) -> Matrix:
        """R · right for (d, k)."""
        if right.shape[1] == 1:
            found = dsymv(1.0, self.base, right[:, 0], lower=1)[:, None]
        else:
            found = dsymm(1.0, self.base, right, lower=1)
        if used:
            kept = self.columns[:, :used]
            found = found + kept @ (self.signs[:used, None] * (kept.T @ right))
        return np.asarray(found)

    def fold(self, columns: Matrix, signs: Matrix) -> None:
        """Take columns into R₀, in place."""
        for sign in (1.0, -1.0):
            part = columns[:, signs == sign]
            if part.shape[1]:
                part = np.asfortranarray(part)
                self.base = dsyrk(sign, part, beta=1.0, c=self.base, lower=1, overwrite_c=1)


def correction(inverse: Inverse, used: int, rows: Intake, weight: Matrix) -> tuple[Matrix, Matrix]:
    """What some rows do to R and W, by Woodbury's identity.

    With U = R Xᵀ, S = I ± X U = L Lᵀ and Z = U L⁻ᵀ: R changes by ∓Z Zᵀ and W by ±Z L⁻¹ (Y − X W),
    upper signs for rows that come.

    Returns:
        Z (d, k) and the new W (d, C); nothing that was handed in is changed.

    Raises:
        UsageError: S is not positive definite: no head that learnt these rows can be asked this.
    """
    x, sign = rows.features, rows.sign
    across = inverse.times(x.T, used)
    small = sign * (x @ across)
    small[np.diag_indices(len(small))] += 1.0
    lower, failed = dpotrf(small, lower=1, clean=1)
    if failed or not np.isfinite(lower).all():
        raise UsageError(
            "these rows cannot all have been learnt: without them the head's matrix would not be "
            "positive definite; nothing was changed"
        )
    z = dtrsm(1.0, lower, across, side=1, lower=1, trans_a=1)
    missed = rows.onehot(weight.shape[1]) - x @ weight
    step = dtrsm(1.0, lower, missed, lower=1)
    # One pass over a copy of Wᵀ, which lies in column order: W itself stays as it is.
    new = np.array(weight.T, order="F")
    new = dgemm(sign, step, z, beta=1.0, c=new, trans_a=1, trans_b=1, overwrite_c=1)
    return np.asarray(z), np.asarray(new).T
