"""A look at one batch, to find out how a network runs."""

import torch
from torch import nn

from mu.data.base import Batch
from mu.models.output_layer import check_editable, head_of
from mu.parts.part import move
from mu.unlearning.base import Unlearner


def look_at(method: Unlearner, part: str) -> Batch:
    """The first batch of a part, of one sample where that can be, on the device; not counted."""
    with torch.random.fork_rng(devices=[]):  # a shuffled loader draws when it is asked
        first = method.first_batch(part, batch_size=1)
    return move(first, method.context.device)


def found_head(method: Unlearner, part: str, editable: bool = False) -> nn.Linear:
    """The head of a method's model, by a look at a part.

    Args:
        method: Its model is looked at.
        part: One it may read.
        editable: Whether the head's own weights are what the method changes.

    Raises:
        UsageError: There is none, or it cannot be edited.
    """
    head = head_of(method.learner, look_at(method, part))
    if editable:
        check_editable(method.learner.network, head)
    return head
