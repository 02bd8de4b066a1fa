"""Elements by the length of the gradient of their loss."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from mu.data.base import Ids
from mu.errors import UsageError
from mu.evaluation.signals import Floats
from mu.forget_sets.reads_models import Ranks
from mu.forget_sets.search.setting import Setting
from mu.forget_sets.select import Scene
from mu.models.base import Learner, as_batch, evaluation_mode
from mu.parts.part import move

CHUNK = 32  # samples whose gradients are held at once


class GradientNormSet(Ranks):
    r"""Elements whose loss has the longest or shortest gradient (Paul et al., arXiv 2107.07075).

    .. math:: \frac1k \sum_{j=1}^k \lVert \nabla_\theta \ell(x_i, y_i; \theta_j) \rVert_2

    Over all trained weights, in evaluation mode (GraNd; there early in training, here of trained
    models unless ``surrogate: {recipe: …}`` gives a shorter one). 32 gradients are held at once.

    Args:
        order: ``highest`` or ``lowest``.
        learners: Number k of models.
        which: ``share``, ``count`` and ``kind`` as for `Ranks`; each element must stand for one
            training sample that is a tensor.

    Raises:
        UsageError: An order or a number of models that is none.
    """

    def __init__(self, order: str = "lowest", learners: int = 1, **which: Any) -> None:
        super().__init__(order, {"learners": learners}, **which)

    def ranked(self, scene: Scene, samples: Ids) -> Floats:
        """(n,) mean of the norms over the models.

        Raises:
            UsageError: Samples that are no tensors.
        """
        setting: Setting = scene.setting
        view, device = scene.data.without(setting.before).view, setting.context.device
        total = np.zeros(len(samples))
        for model in scene.models:
            batches = scene.data.loader(samples, view, batch_size=setting.batch_size)
            total += norms(model.learner, batches, device)
        return total / len(scene.models)


def norms(learner: Learner, batches: Iterable[Any], device: str = "cpu") -> Floats:
    """(n,) gradient norms of single samples, in evaluation mode.

    Raises:
        UsageError: Samples that are no tensors, as pairs of a graph.

    Example:
        >>> learner = Learner(torch.nn.Linear(2, 2, bias=False))
        >>> _ = learner.network.weight.data.zero_()
        >>> x = torch.tensor([[3.0, 4.0]])
        >>> norms(learner, [(x, torch.tensor([0]))]).round(3)
        array([3.536])
    """
    found = []
    with evaluation_mode(learner):
        learner.to(device)
        weights = {n: p.detach() for n, p in learner.named_parameters() if p.requires_grad}

        def loss(moved: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
            logits = functional_call(learner, moved, (x[None],))
            return learner.loss(logits, y[None])

        each = vmap(grad(loss), in_dims=(None, 0, 0), chunk_size=CHUNK)
        for batch in map(as_batch, batches):
            if not isinstance(batch.x, Tensor):
                raise UsageError("gradients of single samples need samples that are tensors")
            batch = move(batch, device)
            squares = torch.zeros(len(batch), dtype=torch.float64, device=device)
            for start in range(0, len(batch), CHUNK):
                part = slice(start, start + CHUNK)
                for gradient in each(weights, batch.x[part], batch.y[part]).values():
                    squares[part] += gradient.flatten(1).double().square().sum(1)
            found.append(squares.sqrt().cpu().numpy())
        learner.cpu()
    return np.concatenate(found)
