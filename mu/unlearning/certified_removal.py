"""Certified removal from a linear head on frozen features (Guo et al., arXiv 1911.03030)."""

from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.output_layer import output_layer
from mu.parts.part import move
from mu.unlearning.base import Unlearner
from mu.unlearning.certified_heads import Heads, folded, head_rows, radius_of, signs
from mu.unlearning.heads.logistic_head import (
    PAPER_GAMMA,
    SHARP_GAMMA,
    budget,
    removal_update,
    residual_bound,
    train_head,
)

__all__ = ["CertifiedRemoval", "budget", "removal_update", "residual_bound", "train_head"]

GAMMAS = {"paper": PAPER_GAMMA, "sharp": SHARP_GAMMA}
HEAD_ONLY = (
    "the certificate covers the head only: the features may still know what was forgotten; "
    "features_clean=true says that they were learned without it"
)


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
        UsageError: An option is out of its range. When it is applied: the network is not its
            features and one linear layer, labels are no classes, or a sequence of requests does not
            go on where it stopped.
    """

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
        self.budget = budget(sigma, epsilon, delta)
        if lam <= 0 or (radius is not None and radius <= 0):
            raise UsageError(f"lam={lam} and radius={radius} must be positive")
        if gamma not in GAMMAS:
            raise UsageError(f"gamma={gamma!r} is not one of {', '.join(GAMMAS)}")
        if at_once is not None and at_once < 1:
            raise UsageError(f"at_once={at_once} must be at least 1, or null for all of D_f")
        self.epsilon, self.delta, self.lam, self.sigma = epsilon, delta, lam, sigma
        self.gamma, self.at_once, self.radius = GAMMAS[gamma], at_once, radius
        self.features_clean, self.batch_size = features_clean, batch_size

    @torch.no_grad()
    def solve(self) -> None:
        head = output_layer(self.learner.network)
        first = "weights" not in self.memory
        if first:
            with self.setup_cost():
                gone, kept = self._features("forget", head), self._features("retain", head)
                heads = self._trained(torch.cat([kept[0], gone[0]]), torch.cat([kept[1], gone[1]]))
        else:
            gone, kept = self._features("forget", head), self._features("retain", head)
            heads = self._recalled(len(gone[0]) + len(kept[0]))
        heads, reason = self._removed(heads, gone, kept)
        self._fold(heads, head)
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

    def _features(self, part: str, head: nn.Linear) -> tuple[Tensor, Tensor]:
        """Features (n, d) and signs (n, K) of a part, on the CPU, by forward passes."""
        found: list[Tensor] = []
        labels: list[Tensor] = []
        for batch in self._read(part):
            with torch.autocast(self.context.device, enabled=False):
                features = self.learner.features(batch)
                if not found:
                    check_head(self.learner(batch.x), features, head)
            found.append(features.float().cpu())
            labels.append(batch.y.cpu())
        if not found:
            raise UsageError(f"there is nothing to {part}")
        return torch.cat(found), signs(torch.cat(labels), head.out_features)

    def _read(self, part: str) -> Iterator[Batch]:
        loader = self.parts[part].batches(batch_size=self.batch_size)
        for batch in self.meter.count(loader, backward=False):
            yield move(batch, self.context.device)

    def _trained(self, x: Tensor, y: Tensor, draws: int = 0) -> Heads:
        radius = radius_of(x) if self.radius is None else self.radius
        rows = head_rows(x, radius, self._bias())
        return Heads.train(rows, y, self.lam, self.sigma, self.context.seed, draws, radius)

    def _bias(self) -> bool:
        return output_layer(self.learner.network).bias is not None

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
        bias = self._bias()
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

    def _fold(self, heads: Heads, head: nn.Linear) -> None:
        weight, bias = folded(heads.weights, heads.radius, head.bias is not None)
        head.weight.copy_(weight)
        if bias is not None:
            head.bias.copy_(bias)


def check_head(logits: Tensor, features: Tensor, head: nn.Linear) -> None:
    """Refuse a network that is not its features followed by one linear layer.

    Raises:
        UsageError: The layer does not give the logits of the features.
    """
    fits = features.dim() == 2 and features.shape[1] == head.in_features
    if not fits or not torch.allclose(head(features).float(), logits.float(), rtol=1e-2, atol=1e-2):
        raise UsageError(
            "certified removal needs a network whose logits are one linear layer of features(x)"
        )
