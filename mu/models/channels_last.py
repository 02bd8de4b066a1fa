"""Convolutions whose weights, and images that, lie channels-last in memory."""

import torch
from torch import Tensor, nn

from mu.models.base import Learner


def use_channels_last(learner: Learner) -> None:
    """Store convolution weights channels-last; activations follow them through the network."""
    learner.network.to(memory_format=torch.channels_last)


def is_channels_last(network: nn.Module) -> bool:
    """Whether convolutions are stored so, which images have to follow."""
    first = next((p for p in network.parameters() if p.dim() == 4 and p.shape[1] > 1), None)
    return first is not None and first.is_contiguous(memory_format=torch.channels_last)


def images_last(x: Tensor) -> Tensor:
    """Images (n, C, H, W) of floats channels-last; any other tensor as it is."""
    images = x.dim() == 4 and x.is_floating_point()
    return x.contiguous(memory_format=torch.channels_last) if images else x
