"""Rows of a ridge head, the golden ones and random ones, and the solution they must have."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mu.analytic.head import AnalyticHead

GOLDEN = np.load(Path(__file__).parent / "golden" / "acu_small.npz")
TASKS = range(int(GOLDEN["n_tasks"]))
LOW_RANK = {"crossover": 10**9}  # always correct the inverse
SOLVED = {"crossover": 0}  # always solve anew


def task(number: int) -> tuple[Tensor, Tensor]:
    """Rows and labels of one batch of the golden file."""
    return torch.tensor(GOLDEN[f"task{number}/x"]), torch.tensor(GOLDEN[f"task{number}/y"])


def golden_rows() -> tuple[Tensor, Tensor]:
    """All of them, in order."""
    x, y = zip(*map(task, TASKS), strict=True)
    return torch.cat(x), torch.cat(y)


def learnt(**options: object) -> AnalyticHead:
    """A head that learnt all golden batches."""
    head = AnalyticHead(24, float(GOLDEN["gamma"]), **options)  # type: ignore[arg-type]
    for number in TASKS:
        head.learn(*task(number))
    return head


def rows(count: int, features: int, classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Features as a random expansion gives them: non-negative, correlated."""
    rng = np.random.default_rng(seed)
    inner = rng.standard_normal((count, max(2, features // 4)))
    x = np.maximum(inner @ rng.standard_normal((inner.shape[1], features)), 0) / 2
    return torch.from_numpy(x), torch.from_numpy(rng.integers(0, classes, count))


def ridge(x: Tensor, y: Tensor, gamma: float, classes: int) -> Tensor:
    """The solution by QR of the rows with √γ I below them, which squares no condition number."""
    d = x.shape[1]
    stacked = torch.cat([x, gamma**0.5 * torch.eye(d, dtype=x.dtype)])
    targets = torch.cat([torch.eye(classes)[y].to(x.dtype), torch.zeros(d, classes, dtype=x.dtype)])
    q, r = torch.linalg.qr(stacked)
    return torch.linalg.solve_triangular(r, q.T @ targets, upper=True)


def error(found: Tensor, wanted: Tensor) -> float:
    """Relative distance, Frobenius; missing columns count as zero."""
    missing = wanted.shape[1] - found.shape[1]
    found = torch.nn.functional.pad(found, (0, missing))
    return float((found - wanted).norm() / wanted.norm())
