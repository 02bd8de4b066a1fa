"""Prototypes: the mean embedding of each class, and how far samples are from their own."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from mu.data.base import Batch
from mu.models.base import Learner
from mu.models.output_layer import head_inputs


def prototype_loss(embeddings: Tensor, labels: Tensor, prototypes: Tensor) -> Tensor:
    r"""Mean divergence of samples from the prototype of their class (arXiv 2501.09705).

    .. math:: D = \frac1n \sum_i \mathrm{KL}\big(\sigma(p_{y_i}) \,\|\, \sigma(z_i)\big)

    with softmax over the *features*. No gradient reaches the prototypes.

    Args:
        embeddings: (n, d), the input of the head.
        labels: (n,) class ids.
        prototypes: (C, d).

    Example:
        >>> p = torch.tensor([[0.0, 1.0]])
        >>> float(prototype_loss(p, torch.tensor([0]), p))
        0.0
    """
    wanted = functional.log_softmax(prototypes.detach()[labels], dim=-1)
    own = functional.log_softmax(embeddings, dim=-1)
    return functional.kl_div(own, wanted, reduction="batchmean", log_target=True)


def apart(prototypes: Tensor) -> float:
    """Mean divergence between prototypes of different classes: what a pushed sample may reach."""
    known = prototypes[prototypes.isfinite().all(dim=1)]
    logs = functional.log_softmax(known.double(), dim=-1)
    each = (logs.exp()[:, None] * (logs[:, None] - logs[None])).sum(-1)
    count = len(known) * (len(known) - 1)
    return float(each.sum() / count) if count else 0.0


@torch.no_grad()
def class_means(
    learner: Learner, batches: Iterable[Batch], head: nn.Linear, classes: int
) -> Tensor:
    """(C, d) mean embedding of each class; rows of classes without samples are nan."""
    sums = torch.zeros(classes, head.in_features, dtype=head.weight.dtype)
    counts = torch.zeros(classes, dtype=head.weight.dtype)
    for batch in batches:
        embeddings, _, labels = head_inputs(learner, batch, head)
        sums.index_add_(0, labels.cpu(), embeddings.to(sums.dtype).cpu())
        counts.index_add_(0, labels.cpu(), torch.ones(len(labels), dtype=counts.dtype))
    return sums / counts[:, None]  # 0 / 0 is nan
