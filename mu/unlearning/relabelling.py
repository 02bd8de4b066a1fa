"""Wrong labels for samples of classes that are forgotten."""

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
