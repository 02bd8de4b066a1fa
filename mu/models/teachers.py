"""Teachers: frozen networks whose answers another one is pulled to, or pushed away from."""

import torch
from torch import Tensor
from torch.nn import functional

from mu.doors.guest import copied
from mu.models.base import Learner


def log_probabilities(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """(n, C) logarithms of softened probabilities; (n, 2) of a binary task, class 0 first.

    Args:
        logits: (n, C), or (n, 1) of a binary task.
        temperature: Divides the logits.

    Example:
        >>> log_probabilities(torch.tensor([[0.0]])).exp()
        tensor([[0.5000, 0.5000]])
    """
    if logits.shape[-1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=-1)
    return functional.log_softmax(logits / temperature, dim=-1)


def divergence(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    r"""(n,) divergence of a student from its teacher (Hinton et al., arXiv 1503.02531).

    .. math:: T^2 \, \mathrm{KL}\big(\sigma(z_\text{teacher} / T) \,\|\,
        \sigma(z_\text{student} / T)\big)

    The factor T² keeps the size of gradients comparable between temperatures.

    Args:
        student: (n, C) logits, or (n, 1) of a binary task.
        teacher: Logits of the same shape.
        temperature: T > 0.

    Example:
        >>> divergence(torch.zeros(1, 2), torch.tensor([[50.0, -50.0]]))   # log 2
        tensor([0.6931])
    """
    own, wanted = log_probabilities(student, temperature), log_probabilities(teacher, temperature)
    pointwise = functional.kl_div(own, wanted, reduction="none", log_target=True)
    return temperature**2 * pointwise.sum(-1)


def teacher_of(learner: Learner) -> Learner:
    """A frozen copy in evaluation mode, on the same device."""
    return copied(learner).eval().requires_grad_(False)
