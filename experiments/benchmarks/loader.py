"""Cost of the batch loader ÷ one ResNet-20 training step on the same batch (aim: ≤ 0.10).

Synthetic images of CIFAR's shape: only time is measured.
"""

import numpy as np
import torch
from ratio import compare, conditions

from mu.data.base import TensorData
from mu.data.images import CIFAR10
from mu.models.base import Learner
from mu.models.vision import CifarResNet


class Images(TensorData):
    """512 random images augmented as CIFAR-10 is."""

    augmented = CIFAR10.augmented


def main() -> None:
    """Time one epoch of each."""
    conditions()
    x = torch.randint(0, 256, (512, 3, 32, 32), dtype=torch.uint8)
    y = torch.randint(0, 10, (512,))
    ids = np.arange(512)
    mean, std = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
    data = Images(x, y, train=ids, validation=ids[:0], test=ids[:0], mean=mean, std=std)
    loader = data.loader(ids, batch_size=128, train=True, augment="crop_flip")
    learner = Learner(CifarResNet(20, 3, 10))
    learner.network.to(memory_format=torch.channels_last)
    batches = list(loader)

    def step() -> None:
        for batch in batches:
            learner.batch_loss(batch).backward()

    compare("loader ÷ ResNet-20 forward + backward", lambda: list(loader), step)


if __name__ == "__main__":
    main()
