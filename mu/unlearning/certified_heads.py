"""One-vs-rest logistic heads on scaled features, with what their certificate rests on."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mu.errors import UsageError
from mu.unlearning.heads.logistic_head import (
    gradient,
    removal_update,
    residual_bound,
    spectral_norm,
    train_head,
)


def head_rows(features: Tensor, radius: float, bias: bool) -> Tensor:
    """(n, d) float64 rows of norm at most 1: features over ``radius``, with a 1 for the bias.

    With a bias the rows are (x / R, 1) / √2, so it is penalised and perturbed as the weights are.

    Raises:
        UsageError: A feature is longer than ``radius``.
    """
    longest = float(features.double().norm(dim=1).max())
    if longest > radius * (1 + 1e-9):
        raise UsageError(f"radius={radius:g}, but a feature has norm {longest:.4g}; raise radius")
    rows = features.double() / radius
    if not bias:
        return rows
    return torch.cat([rows, torch.ones_like(rows[:, :1])], dim=1) / math.sqrt(2)


def folded(weights: Tensor, radius: float, bias: bool) -> tuple[Tensor, Tensor | None]:
    """Weight (K, d) and bias (K,) of the layer that gives the same logits of unscaled features."""
    if not bias:
        return weights / radius, None
    weights = weights / math.sqrt(2)
    return weights[:, :-1] / radius, weights[:, -1]


def radius_of(features: Tensor) -> float:
    """The smallest power of two that no row is longer than.

    A power, so that it seldom depends on a single row.

    Example:
        >>> radius_of(torch.tensor([[3.0, 4.0], [1.0, 0.0]]))
        8.0
    """
    longest = float(features.double().norm(dim=1).max())
    return 2.0 ** math.ceil(math.log2(longest)) if longest > 0 else 1.0


def signs(y: Tensor, heads: int) -> Tensor:
    """(n, K) labels ±1 of one-vs-rest heads; one head means targets 0 and 1.

    Raises:
        UsageError: A label has no head.
    """
    classes = 2 if heads == 1 else heads
    if y.dim() != 1 or not bool(((y >= 0) & (y < classes)).all()):
        raise UsageError(f"certified removal needs one class label a sample, of 0 to {classes - 1}")
    if heads == 1:
        return 2 * y.double()[:, None] - 1
    return 2 * torch.nn.functional.one_hot(y.long(), heads).double() - 1


@dataclass
class Heads:
    """One-vs-rest heads and what their certificate rests on.

    Attributes:
        weights: (K, d) of the scaled rows.
        perturbation: (K, d) b of each head.
        bounds: (K,) bound on the gradient of each head's objective.
        radius: What features are divided by.
        draws: How often b has been drawn.
        rows: How many rows the objective has.
    """

    weights: Tensor
    perturbation: Tensor
    bounds: Tensor
    radius: float
    draws: int
    rows: int

    @property
    def bound(self) -> float:
        """Bound of the matrix: the norm of the bounds, since each head has a b of its own."""
        return float(self.bounds.norm())

    @classmethod
    def train(
        cls, x: Tensor, y: Tensor, lam: float, sigma: float, seed: int, draws: int, radius: float
    ) -> "Heads":
        """Train on (n, d) rows and (n, K) signs with a perturbation never used before."""
        rng = np.random.default_rng([seed & 0xFFFFFFFF, draws])
        b = torch.from_numpy(sigma * rng.standard_normal((y.shape[1], x.shape[1])))
        pairs = list(zip(y.T, b, strict=True))
        weights = [train_head(x, own, lam, noise) for own, noise in pairs]
        left = [
            float(gradient(w, x, own, lam, noise).norm())
            for w, (own, noise) in zip(weights, pairs, strict=True)
        ]
        bounds = torch.tensor(left, dtype=torch.float64)
        return cls(torch.stack(weights), b, bounds, radius, draws + 1, len(x))

    def remove(
        self, x_gone: Tensor, y_gone: Tensor, x_kept: Tensor, lam: float, gamma: float
    ) -> None:
        """Take rows out of all heads at once and add what that costs to the bounds."""
        norm = spectral_norm(x_kept)
        steps = [
            removal_update(w, x_gone, y, x_kept, lam)
            for w, y in zip(self.weights, y_gone.T, strict=True)
        ]
        more = [residual_bound(x_kept, step, gamma, norm) for step in steps]
        self.bounds = self.bounds + torch.tensor(more, dtype=torch.float64)
        self.weights = self.weights + torch.stack(steps)
        self.rows = len(x_kept)

    def memory(self) -> dict[str, Tensor]:
        """Tensors from which `recall` makes the same heads."""
        numbers = torch.tensor([self.radius, self.draws, self.rows], dtype=torch.float64)
        return {
            "weights": self.weights,
            "perturbation": self.perturbation,
            "bounds": self.bounds,
            "radius_draws_rows": numbers,
        }

    @classmethod
    def recall(cls, memory: dict[str, Tensor]) -> "Heads":
        """The heads that an earlier request left."""
        radius, draws, rows = memory["radius_draws_rows"].tolist()
        weights, b, bounds = (memory[n].clone() for n in ("weights", "perturbation", "bounds"))
        return cls(weights, b, bounds, radius, int(draws), int(rows))
