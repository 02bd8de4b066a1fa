"""AnalyticHead: a ridge classifier that learns and forgets rows exactly."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from scipy.linalg.blas import dsymm
from torch import Tensor

from mu.analytic.crossover import crossover
from mu.analytic.intake import check_options, features_of, intake_of
from mu.analytic.inverse import Inverse, correction, factor, solution
from mu.analytic.ledger import Ledger
from mu.analytic.statistics import (
    EXACT,
    Intake,
    Labels,
    Matrix,
    Statistics,
    by_sign,
    step_of,
    widened,
)
from mu.errors import UsageError

BUFFERED = 256  # rows that wait to be added to the statistics, at most
PROBES, PROBE_EVERY = 4, 32
REFINE, REFACTOR = 1e-8, 1e-4  # of `AnalyticHead.drift`


@dataclass(frozen=True)
class HeadState:
    """All that a head is, replaced as one: a request that fails half-way has changed nothing."""

    statistics: Statistics
    ledger: Ledger
    pending: tuple[Intake, ...] = ()
    entries: Counter[bytes] = field(default_factory=Counter)
    counts: Labels = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    weight: Matrix | None = None
    solved: bool = False  # whether the weights are those of the sums alone
    used: int = 0
    changes: int = 0
    since: float = 0.0
    step: float | None = None


class AnalyticHead:
    """Ridge regression on one-hot labels: W = (XᵀX + γI)⁻¹ XᵀY, whatever rows come and go.

    Analytic Continual Unlearning (arXiv 2505.12239): learning and unlearning are exact, so that
    after any history the head is the one trained on the rows that remain. Kept are sums and keyed
    hashes, never rows: that is thrift with data, not differential privacy. Whoever holds the state
    before and after a request can compute what was forgotten, so destroy earlier copies.

    Small requests correct the inverse by a few columns, which are folded in by blocks; large ones
    solve anew; the number of rows where one overtakes the other is measured on this machine. An
    inverse that has drifted is refined or made anew of the sums, which do not drift.

    Args:
        in_features: D.
        gamma: Ridge γ > 0 on a sum over rows, so that it does not grow with them.
        grid: Bits of a grid that features are rounded to. Sums then have no rounding at all, and
            the statistics after a request are bit for bit those of a head that never saw it; the
            weights move by about 1e-4 of themselves at 14 bits. None: features as they are.
        limit: Size of features that has these bits, rounded up to a power of two; the largest of
            the first rows learnt where None. Give it where two heads are to be equal bit for bit.
        key: Secret of the ledger's hashes; a fresh one where None.
        rank: Columns that wait to be folded into the inverse; 0 folds at each request.
        crossover: Rows from which a request solves anew; measured where None.
        patience: Seconds after which the next request takes waiting columns and rows, which hold
            features of what was forgotten, out of memory.

    Raises:
        UsageError: A size, ridge or grid that makes no sense.

    Example:
        >>> head = AnalyticHead(2, gamma=1.0)
        >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 1])
        >>> head.learn(x, y)
        >>> head.weight
        tensor([[0.5000, 0.0000],
                [0.0000, 0.4000]], dtype=torch.float64)
        >>> head.unlearn(x[:1], y[:1])
        >>> head.weight
        tensor([[0.0000, 0.0000],
                [0.0000, 0.4000]], dtype=torch.float64)
    """

    def __init__(
        self,
        in_features: int,
        gamma: float,
        grid: int | None = None,
        *,
        limit: float | None = None,
        key: bytes | None = None,
        rank: int = 64,
        crossover: int | None = None,
        patience: float = 60.0,
    ) -> None:
        check_options(in_features, gamma, grid, limit)
        if rank < 0:
            raise UsageError(f"rank={rank} must not be negative")
        self.in_features, self.gamma, self.grid, self.limit = in_features, gamma, grid, limit
        self.rank, self.crossover, self.patience = rank, crossover, patience
        self.facts: Counter[str] = Counter()
        step = step_of(np.empty(0), grid, limit) if grid and limit else None
        self._state = HeadState(Statistics.empty(in_features), Ledger(key), step=step)
        self._inverse: Inverse | None = None

    # What the head says ------------------------------------------------------------------------

    @property
    def weight(self) -> Tensor:
        """(in_features, classes), float64; column = class id, that of an absent class is zero."""
        return torch.from_numpy(self._weight().copy())

    @property
    def counts(self) -> Tensor:
        """Rows of each class, (classes,)."""
        return torch.from_numpy(self._state.counts.copy())

    def predict(self, x: Tensor) -> Tensor:
        """Class of each row, (n,), among the classes that have rows.

        Raises:
            UsageError: No class has, or the rows have another width.
        """
        absent = self._state.counts == 0
        if absent.all():
            raise UsageError("nothing is learnt: there is no class to predict")
        scores = features_of(x, self.in_features) @ self._weight()
        scores[:, absent] = -np.inf
        return torch.from_numpy(scores.argmax(axis=1))

    def digest(self) -> str:
        """Of the statistics; with a grid equal to that of any head that learnt the same rows."""
        self.settle()
        return self._state.statistics.digest()

    # What changes it ---------------------------------------------------------------------------

    def learn(self, x: Tensor, y: Tensor) -> None:
        """Learn rows, (n, in_features), with class ids (n,); new classes get new columns.

        Raises:
            UsageError: Rows or labels that cannot be learnt; nothing is changed.
        """
        rows = self._rows(x, y, 1.0)
        if len(rows):
            self._change(rows)

    def unlearn(self, x: Tensor, y: Tensor) -> None:
        """Remove rows that were learnt, (k, in_features), with the labels they were learnt with.

        Raises:
            UsageError: A row was never learnt, is removed already, was learnt with another label or
                less often than it is given; nothing is changed.
        """
        rows = self._rows(x, y, -1.0)
        if len(rows):
            self._change(rows)

    def unlearn_class(self, label: int, x: Tensor, y: Tensor) -> None:
        """Remove a class by all its rows; its column is then exactly zero.

        Raises:
            UsageError: A row is of another class, or not all rows of the class are given.
        """
        rows = self._rows(x, y, -1.0)
        strange = np.flatnonzero(rows.labels != label)
        if len(strange):
            raise UsageError(
                f"row {strange[0]} of the request has class {rows.labels[strange[0]]}, and class "
                f"{label} is to be forgotten; nothing was changed"
            )
        there = int(self._state.counts[label]) if 0 <= label < len(self._state.counts) else 0
        if len(rows) != there or not there:
            raise UsageError(
                f"class {label} has {there} rows and the request {len(rows)}: a class is forgotten "
                "with all its rows; nothing was changed"
            )
        self._change(rows)

    def reserve(self, classes: int) -> None:
        """Give `weight` at least as many columns; those of classes without rows are zero."""
        self.settle()
        state = self._state
        if classes <= len(state.counts):
            return
        counts = widened(state.counts, classes)
        cross = widened(state.statistics.cross, classes)
        statistics = replace(state.statistics, cross=cross, counts=counts)
        self._state = replace(
            state, statistics=statistics, counts=counts, weight=None, solved=False
        )

    def settle(self) -> None:
        """Take all that waits into the sums, and make the weights of them alone.

        Afterwards nothing in memory holds a row, and the weights do not depend on the way here.
        """
        self._fold_rows()
        self._inverse = None
        if not self._state.solved:
            self._solve()

    def drift(self) -> float:
        """How far the inverse is from one: mean ‖R A v − v‖ / ‖v‖ over four random v."""
        if self._inverse is None:
            return 0.0
        v = np.random.default_rng(0).standard_normal((self.in_features, PROBES))
        off = self._inverse.times(self._matrix_times(v), self._state.used) - v
        return float((np.linalg.norm(off, axis=0) / np.linalg.norm(v, axis=0)).mean())

    # How ---------------------------------------------------------------------------------------

    def _change(self, rows: Intake) -> None:
        """Let rows come or go, by whatever is cheapest."""
        state = self._state
        hashes = Counter(self._checked(rows))
        entries = state.entries.copy()
        for one, times in hashes.items():
            entries[one] += int(rows.sign) * times
        classes = max(len(state.counts), int(rows.labels.max()) + 1)
        counts = widened(state.counts, classes)
        np.add.at(counts, rows.labels, int(rows.sign))
        after = replace(
            state,
            entries=entries,
            counts=counts,
            pending=(*state.pending, rows),
            since=state.since or time.monotonic(),
            step=rows.step,
        )
        if self._is_small(rows):
            self._correct(rows, after)
        else:
            statistics = state.statistics.changed(after.pending)
            ledger = state.ledger.changed(entries)
            self._inverse = None
            self._state = HeadState(statistics, ledger, counts=counts, step=rows.step)
            self.facts["solved"] += 1
        if sum(map(len, self._state.pending)) > BUFFERED or self._is_late():
            self._fold_rows()

    def _is_small(self, rows: Intake) -> bool:
        """Whether correcting the inverse is cheaper than solving anew."""
        if self._inverse is None and rows.sign > 0:
            return False  # learning alone needs sums, and no inverse
        if self.crossover is None:
            self.crossover = crossover(self.in_features, len(self._state.counts))
        return len(rows) < self.crossover

    def _correct(self, rows: Intake, after: HeadState) -> None:
        """Correct inverse and weights for a few rows; ``after`` has all else of the new state."""
        if self._inverse is None:
            self._invert()
        weight = self._weight()
        if weight.shape[1] < len(after.counts):
            weight = widened(weight, len(after.counts))
        assert self._inverse is not None
        used = self._state.used
        z, weight = correction(self._inverse, used, rows, weight)
        weight[:, after.counts == 0] = 0.0
        inverse, k = self._inverse, z.shape[1]
        signs = np.full(k, -rows.sign)
        changes = self._state.changes + 1
        after = replace(after, weight=weight, solved=False, changes=changes, used=used)
        if k <= self.rank - used:
            inverse.columns[:, used : used + k], inverse.signs[used : used + k] = z, signs
            self._state = replace(after, used=used + k)
        else:  # while R is written in place there is none, so that a crash costs only time
            self._inverse = None
            inverse.fold(inverse.columns[:, :used], inverse.signs[:used])
            inverse.fold(z, signs)
            inverse.columns[:, :used] = 0.0
            self._state = replace(after, used=0)
            self._inverse = inverse
        self.facts["corrected"] += 1
        if changes % PROBE_EVERY == 0:
            self._watch()

    def _watch(self) -> None:
        """Refine weights whose inverse has drifted; make an inverse anew that is beyond that."""
        drift = self.drift()
        if drift > REFACTOR:
            self.facts["refactored"] += 1
            self._fold_rows()
            self._inverse = None
            self._solve()
        elif drift > REFINE:
            self.facts["refined"] += 1
            assert self._inverse is not None
            weight = self._weight()
            missed = self._cross() - self._matrix_times(weight)
            weight = weight + self._inverse.times(missed, self._state.used)
            weight[:, self._state.counts == 0] = 0.0
            self._state = replace(self._state, weight=weight, solved=False)

    def _is_late(self) -> bool:
        since = self._state.since
        return bool(since) and time.monotonic() - since > self.patience

    def _fold_rows(self) -> None:
        """Take waiting rows into the sums and waiting columns into the inverse."""
        state, inverse = self._state, self._inverse
        if not state.pending:
            return
        statistics = state.statistics.changed(state.pending)
        ledger = state.ledger.changed(state.entries)
        self._inverse = None
        if inverse is not None:
            inverse.fold(inverse.columns[:, : state.used], inverse.signs[: state.used])
            inverse.columns[:] = 0.0
        self._state = replace(
            state,
            statistics=statistics,
            ledger=ledger,
            pending=(),
            entries=Counter(),
            used=0,
            since=0.0,
        )
        self._inverse = inverse

    def _solve(self) -> Matrix:
        """Weights of the sums; the factor, which makes an inverse of them."""
        statistics = self._state.statistics
        lower = factor(statistics.gram, self.gamma)
        live = statistics.counts > 0
        weight = np.zeros_like(statistics.cross)
        weight[:, live] = solution(lower, np.asfortranarray(statistics.cross[:, live]))
        self._state = replace(self._state, weight=weight, solved=True)
        return lower

    def _invert(self) -> None:
        """An inverse of the sums."""
        self._fold_rows()
        self._inverse = Inverse.of(self._solve(), self.rank)

    def _weight(self) -> Matrix:
        if self._state.weight is None:
            self._solve()
        assert self._state.weight is not None
        return self._state.weight

    def _matrix_times(self, v: Matrix) -> Matrix:
        """(G + γI) v, with the rows that wait."""
        found = dsymm(1.0, self._state.statistics.gram, v, lower=1) + self.gamma * v
        for rows in by_sign(self._state.pending):
            found += rows.sign * (rows.features.T @ (rows.features @ v))
        return np.asarray(found)

    def _cross(self) -> Matrix:
        """Q, with the rows that wait."""
        found = widened(self._state.statistics.cross, len(self._state.counts))
        for rows in by_sign(self._state.pending):
            np.add.at(found.T, rows.labels, rows.sign * rows.features)
        return found

    def _checked(self, rows: Intake) -> Sequence[bytes]:
        """Hashes of rows that may come or go.

        Raises:
            UsageError: They may not, or the sums would no longer be exact.
        """
        state = self._state
        hashes = state.ledger.hashes(rows.features, rows.labels)
        if rows.sign < 0:
            state.ledger.check(hashes, state.entries)
        elif rows.step is not None:
            squares = state.statistics.gram.diagonal() + (rows.features**2).sum(axis=0)
            for part in state.pending:
                squares = squares + part.sign * (part.features**2).sum(axis=0)
            if squares.max() / rows.step**2 > EXACT:
                raise UsageError(
                    f"grid={self.grid} is too fine for so many rows of such features: their sums "
                    f"would no longer be exact; take fewer bits or a limit near "
                    f"{np.abs(rows.features).max():.3g}; nothing was changed"
                )
        return hashes

    def _rows(self, x: Tensor, y: Tensor, sign: float) -> Intake:
        """Rows of a request, on the grid."""
        return intake_of(x, y, sign, self.in_features, self.grid, self._state.step)

    # How it is kept ----------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """JSON and tensors that `of_state` makes the head of; the key is in neither."""
        self.settle()
        state = self._state
        about = {
            "in_features": self.in_features,
            "gamma": self.gamma,
            "grid": self.grid,
            "limit": self.limit,
            "step": self._state.step,
            "seal": state.ledger.seal().hex(),
        }
        arrays = {
            "gram": state.statistics.gram[np.tril_indices(self.in_features)],
            "cross": state.statistics.cross,
            "class_counts": state.statistics.counts,
            **state.ledger.arrays(),
        }
        return about, {name: torch.from_numpy(np.array(a)) for name, a in arrays.items()}

    @classmethod
    def of_state(
        cls, about: dict[str, Any], tensors: dict[str, Tensor], key: bytes, **options: Any
    ) -> "AnalyticHead":
        """The head that `state` was asked of.

        Raises:
            UsageError: The key is another one.
        """
        sizes = {name: about[name] for name in ("in_features", "gamma", "grid", "limit")}
        head = cls(**sizes, key=key, **options)
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        ledger = Ledger.read(key, arrays["hashes"], arrays["counts"])
        if ledger.seal().hex() != about["seal"]:
            raise UsageError("the key is not the one that the ledger was made with")
        gram = np.zeros((head.in_features,) * 2, order="F")
        gram[np.tril_indices(head.in_features)] = arrays["gram"]
        counts = arrays["class_counts"].copy()
        statistics = Statistics(gram, arrays["cross"].copy(), counts)
        head._state = HeadState(statistics, ledger, counts=counts, step=about["step"])
        return head
