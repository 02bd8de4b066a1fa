"""The true hypergradient of one lower step, by one forward-mode pass."""

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, jvp

from mu.data.base import Batch, Data, Ids, View
from mu.evaluation.signals import Floats
from mu.models.base import Learner, evaluation_mode
from mu.parts.part import Weights, move


def one_step(
    learner: Learner,
    data: Data,
    samples: Ids,
    weights: Floats,
    step: float,
    view: View,
    device: str = "cpu",
    batch_size: int | None = None,
) -> Floats:
    r"""What the losses on the set gain when a sample weighs less in training.

    .. math:: \beta \, \langle \nabla \ell_i(\theta), v \rangle, \qquad
        v = \nabla_\theta \sum_j w_j \ell_j(\theta)

    A lower step of plain descent on Σ (1 − w_i) ℓ_i moves θ by +β ∇ℓ_i for each unit of w_i; the
    sign form (arXiv 2403.07362) sees none of it. One backward pass gives v, and one forward-mode
    pass all products: constant memory, no gradient of a single sample is ever held.

    Args:
        learner: θ, in evaluation mode inside.
        data: The data.
        samples: (n,) ids.
        weights: (n,) w.
        step: β, of a step on the *sum* of losses.
        view: What the graph is seen through.
        device: "cpu" or "cuda".
        batch_size: Samples a batch.

    Returns:
        (n,) products times β.
    """
    share = Weights(samples, weights)
    with evaluation_mode(learner):
        learner.to(device)
        trained = {n: p for n, p in learner.named_parameters() if p.requires_grad}
        v = {name: torch.zeros_like(p) for name, p in trained.items()}
        for batch in data.loader(samples, view, batch_size=batch_size):
            w = share.of(batch.index, other=0.0).to(device)
            batch = move(batch, device)
            logits, targets = learner.outputs(batch)
            total = (w * learner.loss(logits, targets, "none")).sum()
            found = torch.autograd.grad(total, list(trained.values()))
            for name, gradient in zip(v, found, strict=True):
                v[name] += gradient
        start = {name: p.detach() for name, p in trained.items()}
        products = [
            along(learner, move(batch, device), start, v)
            for batch in data.loader(samples, view, batch_size=batch_size)
        ]
        learner.cpu()
    return step * np.concatenate(products)


def along(
    learner: Learner, batch: Batch, weights: dict[str, Tensor], direction: dict[str, Tensor]
) -> Floats:
    """(n,) derivatives of the losses of a batch along a direction of the weights."""

    def losses(moved: dict[str, Tensor]) -> Tensor:
        logits: Tensor = functional_call(learner, moved, (batch.x,))
        return learner.loss(logits, batch.y, "none")

    found: Floats = jvp(losses, (weights,), (direction,))[1].double().cpu().numpy()
    return found
