"""All trained parameters of a learner as one vector, and back."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that require a gradient, by name, in the order of the model."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def to_vector(tensors: Mapping[str, Tensor]) -> Tensor:
    """(P,) float64: the tensors one after the other.

    Example:
        >>> to_vector({"weight": torch.ones(2, 2), "bias": torch.zeros(1)}).tolist()
        [1.0, 1.0, 1.0, 1.0, 0.0]
    """
    return torch.cat([tensor.detach().double().flatten() for tensor in tensors.values()])


def gradient_vector(
    value: Tensor, parameters: Sequence[Tensor], weights: Tensor | None = None, keep: bool = False
) -> Tensor:
    """(P,) float64: the gradient of a value, zero for parameters that it does not depend on.

    Args:
        value: What is differentiated.
        parameters: For what.
        weights: Of the entries of ``value`` where it is no single number.
        keep: Whether the graph is differentiated again.
    """
    found = torch.autograd.grad(
        value, list(parameters), weights, allow_unused=True, retain_graph=keep
    )
    pairs = zip(parameters, found, strict=True)
    return to_vector(
        {str(n): torch.zeros_like(p) if g is None else g for n, (p, g) in enumerate(pairs)}
    )


def to_named(vector: Tensor, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Pieces of a (P,) vector in the shapes, types and names of other tensors.

    Example:
        >>> like = {"weight": torch.ones(2, 2), "bias": torch.zeros(1)}
        >>> to_named(torch.arange(5.0), like)["bias"]
        tensor([4.])
    """
    pieces = torch.split(vector, [tensor.numel() for tensor in like.values()])
    return {
        name: piece.view(tensor.shape).to(tensor)
        for (name, tensor), piece in zip(like.items(), pieces, strict=True)
    }


@torch.no_grad()
def add(model: nn.Module, vector: Tensor) -> None:
    """Add a (P,) vector to the trained parameters, in place.

    The sum is rounded once, so a float32 parameter gets the nearest number to the exact sum.
    """
    found = trained(model)
    pieces = torch.split(vector, [p.numel() for p in found.values()])
    for parameter, piece in zip(found.values(), pieces, strict=True):
        parameter.copy_(parameter.double() + piece.view(parameter.shape))
