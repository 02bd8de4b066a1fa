"""Training with restricted gradients, so that single samples are easier to forget (IAU)."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from mu.artifact import Artifact
from mu.data.base import Batch
from mu.errors import UsageError
from mu.gradients.twice import is_cut_off
from mu.models.base import Learner, Progress, as_batch
from mu.training import fit

Norm = Literal["tensor", "whole"]


def gradient_restriction_loss(
    model: nn.Module, x: Any, y: Tensor, alpha: float, norm: Norm = "tensor"
) -> Tensor:
    r"""Cross-entropy of a batch plus the norms of its gradient (IAU, arXiv 2507.23257).

    .. math::
        \ell_{GR} = \ell + \alpha \sum_t \Big\lVert \frac{\partial \ell}{\partial \theta_t}
        \Big\rVert_2

    with ℓ the mean loss of the batch and t over parameter tensors (``norm="tensor"``, the published
    code), or one norm over all parameters (``"whole"``, the published text). The sub-gradient of
    the norm of a tensor whose gradient is exactly zero is zero.

    Args:
        model: Returns logits (n, C); a `mu.models.base.Learner` brings its own loss.
        x: What the model takes.
        y: (n,) targets.
        alpha: Weight of the penalty, ≥ 0.
        norm: "tensor" or "whole".

    Returns:
        A scalar that can be differentiated once more.

    Raises:
        UsageError: Unknown ``norm``, a negative ``alpha``, or an operation of the model that has no
            second derivative.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = model.weight.data.fill_(0.0)
        >>> loss = gradient_restriction_loss(model, torch.ones(1, 1), torch.tensor([1]), 2.0)
        >>> round(float(loss), 4)   # ln 2 + 2 · |sigmoid(0) - 1|
        1.6931
    """
    learner = model if isinstance(model, Learner) else Learner(model)
    loss, penalty = parts_of(learner, as_batch((x, y)), norm)
    check_second_derivative(penalty, learner)
    return loss + _not_negative(alpha) * penalty


def parts_of(learner: Learner, batch: Batch, norm: Norm) -> tuple[Tensor, Tensor]:
    """Mean loss of a batch, and the norms of its gradient added up, both differentiable."""
    if norm not in ("tensor", "whole"):
        raise UsageError(f"norm={norm!r} is neither 'tensor' nor 'whole'")
    loss = learner.batch_loss(batch)
    trained = [p for p in learner.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, trained, create_graph=True, allow_unused=True)
    norms = torch.stack([torch.linalg.vector_norm(g) for g in found if g is not None])
    return loss, norms.sum() if norm == "tensor" else torch.linalg.vector_norm(norms)


def check_second_derivative(penalty: Tensor, learner: Learner) -> None:
    """Refuse a network with an operation that can be differentiated only once.

    Raises:
        UsageError: Naming the operation, or where PyTorch cannot name it, what it says.
    """
    hint = "take another network, for instance one without fused attention"
    if is_cut_off(penalty):  # autograd would pass it by and leave its part out
        raise UsageError(
            "gradient restriction needs second derivatives, but the network has an operation that "
            f"is marked to be differentiated once only; {hint}"
        )
    trained = [p for p in learner.parameters() if p.requires_grad]
    try:
        torch.autograd.grad(penalty, trained, allow_unused=True, retain_graph=True)
    except RuntimeError as error:
        raise UsageError(
            f"gradient restriction needs second derivatives, but: {error}; {hint}"
        ) from error


def _not_negative(alpha: float) -> float:
    if not alpha >= 0:
        raise UsageError(f"alpha={alpha} must not be negative")
    return alpha


class RestrictedLearner(Learner):
    """A learner that trains with `gradient_restriction_loss` and is a plain one otherwise.

    Args:
        network: As for `Learner`.
        alpha: Weight of the penalty.
        norm: "tensor" or "whole".
    """

    def __init__(self, network: nn.Module, alpha: float, norm: Norm = "tensor") -> None:
        super().__init__(network)
        self.alpha, self.norm, self.checked = _not_negative(alpha), norm, False

    def training_step(self, batch: Batch, index: int) -> Tensor:
        loss, penalty = parts_of(self, as_batch(batch), self.norm)
        if not self.checked:
            check_second_derivative(penalty, self)
            self.checked = True
        return loss + self.alpha * penalty


def as_plain_fit(config: dict[str, Any]) -> dict[str, Any]:
    """The same training as step ``fit`` of `mu.training.fit` does it, with a restricted learner.

    Raises:
        UsageError: An option that there is not, or a learner with a loss of its own.
    """
    recipe = dict(config["recipe"])
    options = {k: v for k, v in recipe.pop("fit").items() if k != "step"}
    model = config["model"]
    if model.get("_target_") != "mu.models.base.Learner":
        raise UsageError(
            "gradient restriction trains a network under mu.models.base.Learner, not "
            f"{model.get('_target_')}"
        )
    unknown = sorted(set(options) - {"alpha", "norm"})
    if unknown:
        raise UsageError(f"unknown key recipe.fit.{unknown[0]}; there are: alpha, norm")
    restricting = "mu.training.gradient_restriction.RestrictedLearner"
    return config | {"model": model | {"_target_": restricting, **options}, "recipe": recipe}


def step(config: dict[str, Any], inputs: dict[str, Any], progress: Progress | None) -> Artifact:
    """Step ``fit``: with restricted gradients; ``recipe.fit`` holds ``alpha`` and ``norm``.

    Raises:
        UsageError: As `as_plain_fit`.
    """
    # A second backward pass goes through every first one; the meter counts batches only.
    found = fit.step(as_plain_fit(config), inputs, progress)
    cost = found.facts["cost"]
    cost["backward"] *= 2
    return found
