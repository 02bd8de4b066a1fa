"""Groups of tensors that are to vanish together: their norms, penalty and proximal step."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mu.errors import UsageError

Groups = Sequence[Sequence[Tensor]]


def group_norms(groups: Groups) -> Tensor:
    """Root of the sum of squares of each group, (groups,).

    Example:
        >>> group_norms([[torch.tensor([3.0]), torch.tensor([4.0])], [torch.zeros(2)]])
        tensor([5., 0.])
    """
    squares = [torch.stack([one.square().sum() for one in group]).sum() for group in groups]
    return torch.stack(squares).sqrt()


def group_sparsity(groups: Groups) -> Tensor:
    r"""Group lasso over adapters (GS-LoRA, arXiv 2403.11530, equation 7).

    .. math:: \Omega = \sum_g \sqrt{\sum_{M \in g} \lVert M \rVert_F^2}

    A group that is exactly zero adds nothing, and its sub-gradient is zero.

    Args:
        groups: Lists of tensors.

    Returns:
        A scalar.
    """
    norms = []
    for group in groups:
        square = torch.stack([one.square().sum() for one in group]).sum()
        if square.detach() > 0:
            norms.append(square.sqrt())
    return torch.stack(norms).sum() if norms else torch.zeros(())


@torch.no_grad()
def proximal_step(groups: Groups, threshold: float) -> None:
    r"""Shrink every group by ``threshold``, in place; groups below it become exactly zero.

    .. math:: M \leftarrow M \cdot \max(0,\, 1 - t / \lVert g \rVert)

    The step that goes with a gradient step on the rest of the loss: with t = lr · α it minimises
    α Ω, and reaches zero where gradients of Ω only come near it.

    Args:
        groups: Lists of tensors.
        threshold: T ≥ 0.

    Raises:
        UsageError: A negative threshold.
    """
    if threshold < 0:
        raise UsageError(f"threshold={threshold} is negative")
    for group, norm in zip(groups, group_norms(groups).tolist(), strict=True):
        share = max(0.0, 1.0 - threshold / norm) if norm > 0 else 0.0
        for one in group:
            one.mul_(share)


def zero_group_ratio(norms: Tensor, tol: float = 1e-3) -> float:
    """Share of groups whose norm is at most ``tol`` times the largest.

    Example:
        >>> zero_group_ratio(torch.tensor([0.0, 2.0, 1e-4, 1.0]))
        0.5
    """
    return float((norms <= tol * norms.max()).float().mean())
