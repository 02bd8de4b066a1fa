"""Per-sample gradients of the scale and shift of normalisations that keep samples apart."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.nn import functional

from mu.gradients.uses import Use, samples_first


class Affine(Use):
    r"""Scale and shift behind a normalisation, y = γ x̂ + β.

    The gradients of sample n are :math:`\sum g_n \hat x_n` and :math:`\sum g_n` over its positions.

    Args:
        roles: γ is the "weight", β the "bias".
        x: Input of the normalisation.
        normalise: X → x̂.
        inner: How many last dimensions γ covers; None where it has one number a channel
            (dimension 1).
    """

    def __init__(
        self,
        roles: dict[str, str],
        x: Tensor,
        normalise: Callable[[Tensor], Tensor],
        inner: int | None = None,
    ) -> None:
        super().__init__(roles, x)
        self.normalise = normalise
        self.dims = tuple(range(2, x.dim()) if inner is None else range(1, x.dim() - inner))

    def size(self, role: str, g: Tensor) -> int:
        return 2 * g[0].numel()

    def per_sample(self, role: str, g: Tensor, rows: slice) -> Tensor:
        values = g[rows]
        if role == "weight":
            values = values * self.normalise(self.x[rows].to(g.dtype))
        return values.sum(self.dims) if self.dims else values


def make_batch_norm(call: dict[str, Any], roles: dict[str, str], n: int) -> Use | None:
    """A use, or None with statistics of the batch."""
    x, mean, var = call["input"], call.get("running_mean"), call.get("running_var")
    if call.get("training") or mean is None or var is None or not samples_first(x, n):
        return None
    eps = call.get("eps", 1e-5)

    def normalise(values: Tensor) -> Tensor:
        return functional.batch_norm(values, mean, var, None, None, False, 0.0, eps)

    return Affine(roles, x, normalise)


def make_layer_norm(call: dict[str, Any], roles: dict[str, str], n: int) -> Use | None:
    """A use, or None where samples are normalised together."""
    x, shape, eps = call["input"], tuple(call["normalized_shape"]), call.get("eps", 1e-5)
    if not samples_first(x, n) or x.dim() <= len(shape):
        return None
    return Affine(roles, x, lambda v: functional.layer_norm(v, shape, eps=eps), len(shape))


def make_rms_norm(call: dict[str, Any], roles: dict[str, str], n: int) -> Use | None:
    """A use, or None where samples are normalised together."""
    x, shape, eps = call["input"], tuple(call["normalized_shape"]), call.get("eps")
    if not samples_first(x, n) or x.dim() <= len(shape):
        return None
    return Affine(roles, x, lambda v: functional.rms_norm(v, shape, eps=eps), len(shape))


def make_group_norm(call: dict[str, Any], roles: dict[str, str], n: int) -> Use | None:
    """A use, or None where samples are not the first dimension."""
    x, groups, eps = call["input"], call["num_groups"], call.get("eps", 1e-5)
    if not samples_first(x, n) or x.dim() < 2:
        return None
    return Affine(roles, x, lambda v: functional.group_norm(v, groups, eps=eps))
