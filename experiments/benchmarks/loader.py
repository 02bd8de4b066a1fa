"""Cost of the batch loader ÷ one ResNet-20 training step on the same batch (aim: ≤ 0.10).

Random images of CIFAR's shape, from memory and from a memory-mapped file: only time is measured.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from ratio import compare, conditions

from mu.data.base import Batches
from mu.data.image_data import ImageData
from mu.models.base import Learner
from mu.models.vision import CifarResNet

SIZE = 256


def loader_of(x: torch.Tensor, augment: str) -> Batches:
    """Training batches of 128 of random labels."""
    ids = np.arange(SIZE)
    parts = {"train": ids, "validation": ids[:0], "test": ids[:0]}
    y = torch.randint(0, 10, (SIZE,))
    names = list("0123456789")
    data = ImageData(x, y, parts, class_names=names, mean=(0.5,) * 3, std=(0.25,) * 3)
    return data.loader(ids, batch_size=128, train=True, augment=augment)


def main() -> None:
    """Time one epoch of each."""
    conditions()
    held = torch.randint(0, 256, (SIZE, 3, 32, 32), dtype=torch.uint8)
    learner = Learner(CifarResNet(20, 3, 10))
    learner.network.to(memory_format=torch.channels_last)
    batches = list(loader_of(held, "crop_flip"))

    def step() -> None:
        for batch in batches:
            learner.batch_loss(batch).backward()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        np.save(path, held.numpy())
        mapped = torch.from_numpy(np.load(path, mmap_mode="c"))
        for place, x in (("memory", held), ("mapped file", mapped)):
            for augment in ("crop_flip", "crop_flip_rotate"):
                loader = loader_of(x, augment)
                name = f"loader ({augment}, {place}) ÷ ResNet-20 forward + backward"
                compare(name, lambda loader=loader: list(loader), step)


if __name__ == "__main__":
    main()
