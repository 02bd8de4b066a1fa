"""The empirical Fisher of a few samples, inverted exactly."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from mu.data.graphs import GraphInput
from mu.errors import UsageError
from mu.gradients.single import single_losses
from mu.gradients.vectors import gradient_vector, trained
from mu.models.base import Learner, as_batch, evaluation_mode

MOST_BYTES = 4 * 2**30
BLOCK = 2**16  # columns that are taken to float64 at once


def single_gradients(learner: Learner, batches: Iterable[Any]) -> Iterator[Tensor]:
    """The gradient (P,) of each sample's loss, in float64, one backward pass a sample.

    The model is in evaluation mode while the iteration lasts. On graphs the samples of a batch
    share one forward pass.
    """
    parameters = list(trained(learner).values())
    with evaluation_mode(learner), torch.enable_grad():
        for item in batches:
            batch = as_batch(item)
            shared = isinstance(batch.x, GraphInput)
            losses = single_losses(learner, batch, lambda z, y: learner.loss(z, y, "none"))
            for loss in losses:
                yield gradient_vector(loss, parameters, keep=shared)


def gradient_rows(learner: Learner, batches: Iterable[Any]) -> Tensor:
    """(N, P) gradients of single samples, in the type of the parameters.

    Raises:
        UsageError: There are no samples, or more than fit into 4 GiB.
    """
    like = next(iter(trained(learner).values()))
    size = sum(p.numel() for p in trained(learner).values())
    most = MOST_BYTES // (size * like.element_size())
    rows: list[Tensor] = []
    for gradient in single_gradients(learner, batches):
        if len(rows) == most:
            raise UsageError(
                f"no more than {most} gradients of {size} numbers fit into "
                f"{MOST_BYTES >> 30} GiB; set samples to at most {most}"
            )
        rows.append(gradient.to(like.dtype))
    if not rows:
        raise UsageError("there are no samples to take gradients of")
    return torch.stack(rows)


def woodbury(rows: Tensor, v: Tensor, damping: float, divisor: float | None = None) -> Tensor:
    r"""Solve (c I + GᵀG / N) x = v through the N × N matrix of inner products.

    .. math:: x = \frac{1}{c} \Big[ v - G^\top (c N I + G G^\top)^{-1} G v \Big]

    Args:
        rows: G (n, P), one gradient a row.
        v: (P,) right-hand side.
        damping: C > 0.
        divisor: N; None is the number of rows, which makes GᵀG/N the empirical Fisher.

    Returns:
        (P,) float64.

    Raises:
        UsageError: ``damping`` is not positive.

    Example:
        >>> rows = torch.tensor([[2.0, 0.0]])
        >>> woodbury(rows, torch.tensor([5.0, 3.0]), damping=1.0).tolist()   # diag(5, 1)
        [1.0, 3.0]
    """
    if damping <= 0:
        raise UsageError(f"damping={damping} must be positive: the Fisher matrix has a kernel")
    v, divisor = v.double(), len(rows) if divisor is None else divisor
    gram = torch.eye(len(rows), dtype=torch.float64, device=rows.device) * (damping * divisor)
    image = torch.zeros(len(rows), dtype=torch.float64, device=rows.device)
    blocks, pieces = torch.split(rows, BLOCK, dim=1), torch.split(v, BLOCK)
    for block, piece in zip(blocks, pieces, strict=True):
        exact = block.double()
        gram += exact @ exact.T
        image += exact @ piece
    weights = torch.linalg.solve(gram, image)
    back = [block.double().T @ weights for block in blocks]
    return (v - torch.cat(back)) / damping


def published_woodfisher(gradients: Iterable[Tensor], v: Tensor, divisor: float = 1000) -> Tensor:
    r"""What the code published with influence unlearning computes; kept for comparison only.

    Its vector o starts as the first gradient and is afterwards only shortened, so whatever the
    gradients are, the result is v plus a multiple of the *first* one.

    .. math:: k \leftarrow k - \frac{k^\top g}{N + o^\top g}\, o, \qquad
        o \leftarrow \frac{N}{N + o^\top g}\, o

    Args:
        gradients: (P,) gradients of single samples, in order; read once.
        v: (P,) right-hand side.
        divisor: N, fixed at 1000 there.

    Returns:
        (P,) float64.
    """
    found, own = v.double().clone(), None
    for gradient in gradients:
        if own is None:
            own = gradient.double().clone()
            continue
        overlap = float(own @ gradient)
        found -= float(found @ gradient) / (divisor + overlap) * own
        own *= divisor / (divisor + overlap)
    return found
