"""The direction of IAU's step, from batches or from stored sums, and what the step is made of."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mu.errors import UsageError
from mu.gradients.mean_gradient import gradient_sum
from mu.parts.disjoint import Remembering, check_disjoint

Update = Literal["adam", "sgd"]
EPSILON = 1e-8  # Adam's


def update_direction(
    model: nn.Module, retain_batches: Iterable[Any], forget_batches: Iterable[Any]
) -> dict[str, Tensor]:
    r"""The direction g of IAU's step θ − η P(g): mean retained minus mean forgotten gradient.

    .. math:: g = \frac{1}{n_r} \sum_{D_r} \nabla \ell - \frac{1}{n_f} \sum_{D_f} \nabla \ell

    −g climbs the loss of D_f and corrects for the gradient that is left on D_r. The model is in
    evaluation mode inside; the result does not depend on how the batches are cut.

    Args:
        model: Returns logits (n, C); a `mu.models.base.Learner` brings its own loss.
        retain_batches: ``(x, y)`` of D_r.
        forget_batches: ``(x, y)`` of D_f.

    Returns:
        Name → float64 tensor of the parameter's shape; frozen parameters are absent.

    Raises:
        UsageError: A set is empty, or a sample is twice in a set or in both.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = model.weight.data.fill_(0.0)
        >>> retain, forget = torch.tensor([[2.0]]), torch.tensor([[1.0]])
        >>> y = torch.ones(1)
        >>> update_direction(model, [(retain, y)], [(forget, y)])["weight"].item()   # −1 − (−0.5)
        -0.5
    """
    retain, forget = Remembering("retain", retain_batches), Remembering("forget", forget_batches)
    kept, n_r = gradient_sum(model, retain)
    gone, n_f = gradient_sum(model, forget)
    check_disjoint(forget.ids, retain.ids)
    return {name: kept[name] / n_r - gone[name] / n_f for name in kept}


def direction_of_sums(
    full: Mapping[str, Tensor], n: int, forget: Mapping[str, Tensor], n_f: int
) -> dict[str, Tensor]:
    r"""`update_direction` out of the sum S over all of D = D_r ∪ D_f and the sum s over D_f.

    .. math:: g = \frac{S}{n_r} - s \Big(\frac{1}{n_r} + \frac{1}{n_f}\Big), \qquad n_r = n - n_f

    Args:
        full: S by name.
        n: Samples in D.
        forget: s by name.
        n_f: Samples in D_f.

    Raises:
        UsageError: Nothing is forgotten, or nothing would be left.

    Example:
        >>> direction_of_sums({"w": torch.tensor(6.0)}, 3, {"w": torch.tensor(2.0)}, 1)["w"].item()
        0.0
    """
    if not 0 < n_f < n:
        raise UsageError(f"{n_f} of {n} samples are to be forgotten; both sets must hold some")
    n_r = n - n_f
    return {name: full[name] / n_r - forget[name] * (1 / n_r + 1 / n_f) for name in full}


def step_along(direction: Tensor, update: Update = "adam") -> Tensor:
    r"""P(g): what the step θ − η P(g) is made of.

    ``adam`` is the first step of a fresh Adam, whose two moments cancel exactly, and so a sign step
    of the same length whatever the size of the request; ``sgd`` is g itself.

    .. math:: P(g) = g / (|g| + \epsilon), \quad \epsilon = 10^{-8}

    Example:
        >>> step_along(torch.tensor([1.0, 0.0, -1e-8])).tolist()
        [1.0, 0.0, -0.5]
    """
    if update == "sgd":
        return direction
    signs: Tensor = direction / (direction.abs() + EPSILON)
    return signs


def random_signs(step: Tensor, seed: int) -> Tensor:
    """A step of the same Euclidean length whose entries have one size and drawn signs.

    The control for the question whether the direction matters at all.

    Example:
        >>> found = random_signs(torch.tensor([3.0, 0.0, 0.0, 4.0]), seed=0)
        >>> found.abs().tolist(), found.norm().item()
        ([2.5, 2.5, 2.5, 2.5], 5.0)
    """
    drawn = torch.rand(len(step), generator=torch.Generator().manual_seed(seed))
    size = float(step.norm()) / len(step) ** 0.5
    return torch.where(drawn < 0.5, -size, size).to(step)
