"""Wrong labels for samples that are forgotten."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

Labels = Literal["targeted", "random", "keep"]
LABELS = ("targeted", "random", "keep")


def nearest_donor(logits: Tensor, allowed: Sequence[int]) -> int:
    """The allowed class with the largest mean logit on images of another one; ties: the lowest.

    Args:
        logits: (n, C) on images of one class, or (n, 1) of a binary task.
        allowed: Classes that are kept.

    Example:
        >>> nearest_donor(torch.tensor([[9.0, 1.0, 2.0], [9.0, 3.0, 1.0]]), allowed=[1, 2])
        1
    """
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    means = logits.double().mean(0)
    return max(sorted(allowed), key=lambda label: float(means[label]))


def poisoned_labels(
    labels: Tensor,
    kind: Labels,
    donors: Mapping[int, int],
    allowed: Sequence[int],
    generator: torch.Generator | None = None,
) -> Tensor:
    """Labels of the poisoned images.

    Args:
        labels: (n,) classes to forget.
        kind: "targeted": the donor's; "random": uniform over the classes that are kept, never the
            true one (the published code draws over all classes and leaves 1/C of them true);
            "keep": unchanged, a control.
        donors: Class → donor, for "targeted".
        allowed: Classes that are kept.
        generator: For "random", on the CPU.

    Example:
        >>> poisoned_labels(torch.tensor([2, 2, 0]), "targeted", {0: 1, 2: 3}, [1, 3])
        tensor([3, 3, 1])
    """
    if kind == "keep":
        return labels.clone()
    if kind == "random":
        draws = torch.randint(len(allowed), labels.shape, generator=generator)
        return torch.tensor(allowed, dtype=labels.dtype)[draws]
    found = labels.clone()
    for label, donor in donors.items():
        found[labels == label] = donor
    return found


def wrong_labels(labels: Tensor, draws: Tensor, classes: int) -> Tensor:
    """Labels drawn uniformly over all classes but the true one.

    Args:
        labels: (n,) true classes.
        draws: (n,) uniform on [0, 1).
        classes: C ≥ 2.

    Returns:
        (n,) of the labels' type.

    Example:
        >>> wrong_labels(torch.tensor([0, 1, 2]), torch.tensor([0.0, 0.6, 0.99]), 3)
        tensor([1, 0, 1])
    """
    steps = 1 + (draws * (classes - 1)).long().clamp(max=classes - 2)
    return ((labels.long() + steps) % classes).to(labels.dtype)
