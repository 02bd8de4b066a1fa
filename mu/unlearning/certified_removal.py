"""Certified removal from a linear head on frozen features (Guo et al., arXiv 1911.03030)."""

import math
from contextlib import nullcontext
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mu.errors import UsageError
from mu.models.output_layer import head_inputs
from mu.unlearning.base import Unlearner
from mu.unlearning.heads.logistic_head import (
    PAPER_GAMMA,
    SHARP_GAMMA,
    gradient,
    removal_update,
    residual_bound,
    residual_budget,
    spectral_norm,
    train_head,
)
from mu.unlearning.heads.look import found_head
from mu.unlearning.options import at_least, one_of, positive

__all__ = ["CertifiedRemoval", "removal_update", "residual_bound", "residual_budget", "train_head"]

GAMMAS = {"paper": PAPER_GAMMA, "sharp": SHARP_GAMMA}
HEAD_ONLY = (
    "the certificate covers the head only: the features may still know what was forgotten; "
    "features_clean=true says that they were learned without it"
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


class CertifiedRemoval(Unlearner):
    r"""Replace the last linear layer by perturbed logistic heads and remove D_f from them.

    At the first request K one-vs-rest heads are trained on the frozen features of D, each with a
    linear perturbation b ~ N(0, σ²I) of its own (set-up). D_f is taken out by Newton's step. The
    accumulated bound B on the gradient of what is left is compared with the budget

    .. math:: B = \sqrt{\sum_k B_k^2} \le \sigma \epsilon / \sqrt{2 \ln (1.5 / \delta)}

    within which the head is (ε, δ)-indistinguishable from one trained without D_f. Beyond it the
    heads are trained again on D_r with fresh perturbations, and the card says so. All features are
    taken in evaluation mode; no other layer is touched.

    The randomness is the certificate: it holds as long as the seed is not known to who attacks.

    Args:
        epsilon: ε > 0.
        delta: δ in (0, 1).
        lam: λ of the penalty λ n ‖w‖² / 2. A large one buys removals and costs accuracy.
        sigma: σ of the perturbation. A large one buys removals and costs accuracy.
        gamma: "paper" for 1/4; "sharp" for √3/18, the exact constant, as valid and 2.6 times
            smaller.
        at_once: Samples a Newton step; fewer make a smaller bound, None takes all of D_f.
        radius: R, a public constant that features are divided by, or None for the smallest power of
            two that none is longer than; if D_f alone needs it, the heads are trained again.
        features_clean: Says that the features were learned without D_f.
        batch_size: Samples a batch; it does not change the result.

    Raises:
        UsageError: An option is out of its range. When it is applied: the network does not end
            in one linear layer of its own that is trained, labels are no classes, or a sequence of
            requests does not go on where it stopped.
    """

    reads_labels: ClassVar[bool] = True
    requests: ClassVar[frozenset[str]] = frozenset({"samples"})

    def __init__(
        self,
        epsilon: float = 1.0,
        delta: float = 1e-4,
        lam: float = 0.003,
        sigma: float = 1.0,
        gamma: str = "paper",
        at_once: int | None = 10,
        radius: float | None = None,
        features_clean: bool = False,
        batch_size: int | None = 256,
    ) -> None:
        super().__init__()
        self.budget = residual_budget(sigma, epsilon, delta)
        positive(lam=lam)
        positive(radius=radius, null="the smallest power of two")
        one_of(gamma=(gamma, GAMMAS))
        at_least(1, at_once=at_once, batch_size=batch_size, null="all at once")
        self.epsilon, self.delta, self.lam, self.sigma = epsilon, delta, lam, sigma
        self.gamma, self.at_once, self.radius = GAMMAS[gamma], at_once, radius
        self.features_clean, self.batch_size = features_clean, batch_size

    @torch.no_grad()
    def solve(self) -> None:
        self.head = found_head(self, "forget", editable=True)
        first = "weights" not in self.memory
        with self.setup_cost() if first else nullcontext():
            gone, kept = self._features("forget"), self._features("retain")
            x, y = (torch.cat(both) for both in zip(kept, gone, strict=True))
            heads = self._trained(x, y) if first else self._recalled(len(x))
        heads, reason = self._removed(heads, gone, kept)
        weight, bias = folded(heads.weights, heads.radius, self.head.bias is not None)
        self.head.weight.copy_(weight)
        if bias is not None:
            self.head.bias.copy_(bias)
        self.memory = heads.memory()
        self.facts |= {
            "epsilon": self.epsilon,
            "delta": self.delta,
            "bound": heads.bound,
            "budget": self.budget,
            "removed": len(gone[0]),
            "retrained": bool(reason),
            "retrained_because": reason,
            "radius": heads.radius,
            "features_clean": self.features_clean,
        }
        if not self.features_clean:
            self.warn(HEAD_ONLY)

    def _features(self, part: str) -> tuple[Tensor, Tensor]:
        """Features (n, d) and signs (n, K) of a part, on the CPU, by forward passes."""
        found: list[Tensor] = []
        labels: list[Tensor] = []
        for batch in self.forward_batches(part, batch_size=self.batch_size):
            with torch.autocast(self.context.device, enabled=False):
                features, _, targets = head_inputs(self.learner, batch, self.head)
            found.append(features.float().cpu())
            labels.append(targets.cpu())
        if not found:
            raise UsageError(f"there is nothing to {part}")
        return torch.cat(found), signs(torch.cat(labels), self.head.out_features)

    def _trained(self, x: Tensor, y: Tensor, draws: int = 0) -> Heads:
        radius = radius_of(x) if self.radius is None else self.radius
        rows = head_rows(x, radius, self.head.bias is not None)
        return Heads.train(rows, y, self.lam, self.sigma, self.context.seed, draws, radius)

    def _recalled(self, rows: int) -> Heads:
        heads = Heads.recall(self.memory)
        if heads.rows != rows:
            raise UsageError(
                f"the heads were left with {heads.rows} samples, but forget and retain have {rows} "
                "together; go on with what the last request retained"
            )
        return heads

    def _removed(
        self, heads: Heads, gone: tuple[Tensor, Tensor], kept: tuple[Tensor, Tensor]
    ) -> tuple[Heads, str]:
        """Heads without D_f, and why they were trained again where they were."""
        draws = heads.draws
        if self.radius is None and radius_of(kept[0]) != heads.radius:
            return self._trained(*kept, draws=draws), "only what is forgotten needs the radius"
        bias = self.head.bias is not None
        rows = [head_rows(x, heads.radius, bias) for x in (gone[0], kept[0])]
        size = self.at_once or len(gone[0])
        for start in range(0, len(gone[0]), size):
            stay = torch.cat([rows[1], rows[0][start + size :]])
            part = slice(start, start + size)
            heads.remove(rows[0][part], gone[1][part], stay, self.lam, self.gamma)
            if heads.bound > self.budget:
                done = min(start + size, len(gone[0]))
                reason = f"bound {heads.bound:.3g} after {done} samples exceeds the budget"
                return self._trained(*kept, draws=draws), reason
        return heads, ""
