"""What a ridge head knows of its rows: their Gram matrix, class sums and class counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]
Numbers = TypeVar("Numbers", Matrix, Labels)

EXACT = 2.0**53  # integers up to here are float64 numbers, and so are their sums


@dataclass(frozen=True)
class Statistics:
    """Sums over rows; enough to solve the ridge problem, for any ridge.

    Attributes:
        gram: Σ x xᵀ, (d, d) in column order; only its lower triangle is kept.
        cross: Σ x onehot(y)ᵀ, (d, C).
        counts: Rows of each class, (C,).
    """

    gram: Matrix
    cross: Matrix
    counts: Labels

    @classmethod
    def empty(cls, features: int) -> "Statistics":
        """Those of no rows and no classes."""
        gram = np.zeros((features, features), order="F")
        return cls(gram, np.zeros((features, 0)), np.zeros(0, dtype=np.int64))

    def changed(self, parts: "Sequence[Intake]") -> "Statistics":
        """Those after some rows came or went; these stay as they are."""
        gram = self.gram.copy(order="F")
        classes = max([len(self.counts), *(int(p.labels.max()) + 1 for p in parts if len(p))])
        cross, counts = widened(self.cross, classes), widened(self.counts, classes)
        for part in by_sign(parts):
            gram = dsyrk(part.sign, part.features.T, beta=1.0, c=gram, lower=1, overwrite_c=1)
            np.add.at(cross.T, part.labels, part.sign * part.features)
            np.add.at(counts, part.labels, int(part.sign))
        cross[:, counts == 0] = 0.0  # a class without rows owes nothing to rounding
        return Statistics(gram, cross, counts)

    def digest(self) -> str:
        """Digest of every bit that is kept, whatever the number of columns of absent classes."""
        live = np.flatnonzero(self.counts)
        found = blake2b(digest_size=16)
        for column in range(len(self.gram)):
            found.update(self.gram[column:, column].tobytes())
        for array in (self.cross[:, live] + 0.0, self.counts[live], live):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()


@dataclass(frozen=True)
class Intake:
    """Rows that come in (sign 1) or go (sign −1), and the step of their grid."""

    sign: float
    features: Matrix
    labels: Labels
    step: float | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def onehot(self, classes: int) -> Matrix:
        """Targets, (k, classes)."""
        found = np.zeros((len(self), classes))
        found[np.arange(len(self)), self.labels] = 1.0
        return found


def by_sign(parts: Sequence[Intake]) -> list[Intake]:
    """The rows that come as one, and those that go as another: one product for many requests."""
    found = []
    for sign in (1.0, -1.0):
        own = [part for part in parts if part.sign == sign and len(part)]
        if own:
            features = np.concatenate([part.features for part in own])
            labels = np.concatenate([part.labels for part in own])
            found.append(Intake(sign, features, labels))
    return found


def widened(array: Numbers, classes: int) -> Numbers:
    """A copy with zeros for new classes at the end of the last axis."""
    missing = classes - array.shape[-1]
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)])


def onto_grid(x: Matrix, step: float) -> Matrix:
    """The nearest multiples of a power of two, so that sums of their products have no rounding.

    Example:
        >>> onto_grid(np.array([[0.3, 1.0]]), 0.25)
        array([[0.25, 1.  ]])
    """
    return np.rint(x / step) * step + 0.0  # no −0, which would have other bits


def step_of(x: Matrix, bits: int, limit: float | None) -> float:
    """Step of the grid on which features up to ``limit`` have ``bits`` bits.

    Args:
        x: Rows whose largest entry is taken where no limit is given.
        bits: Of the largest feature.
        limit: Rounded up to a power of two.
    """
    largest = float(np.abs(x).max(initial=0.0)) if limit is None else limit
    exponent = int(np.ceil(np.log2(largest))) if largest > 0 else 0
    return 2.0 ** (exponent - bits)
