"""SSD with nothing stored ÷ one plain forward + backward pass over D, and its growth with |D|.

Aims: batch form ≤ 1.05 + |D_f| / |D|; per-sample form, which reads D once, ≤ 1.4; seconds per image
the same for every |D|. Random images: only time is measured. Numbers after the command are other
sizes of D for the growth than 1000 to 50000.
"""

import sys
import time

import numpy as np
import torch
from ratio import compare, conditions
from torch import nn
from torch.nn import functional

from mu.data.base import TensorData
from mu.models.base import Learner
from mu.models.vision import CifarResNet, SmallCNN
from mu.unlearning.base import Context, DataPart, apply
from mu.unlearning.ssd import SSD


def parts_of(size: int, pixels: int = 32) -> dict[str, DataPart]:
    """D of a size, and a tenth of it."""
    x, y = torch.randn(size, 3, pixels, pixels), torch.randint(0, 10, (size,))
    ids = np.arange(size)
    data = TensorData(x, y, train=ids, validation=ids[:0], test=ids[:0])
    view = data.without({}).view
    return {"full": DataPart(data, ids, view), "forget": DataPart(data, ids[::10], view)}


def ratio(name: str, network: nn.Module, size: int) -> None:
    """Time both forms against one plain pass."""
    learner, parts = Learner(network).eval(), parts_of(size)
    parameters = list(learner.parameters())
    batches = list(parts["full"].batches(batch_size=64))

    def plain() -> None:
        for batch in batches:
            loss = functional.cross_entropy(learner(batch.x), batch.y)
            torch.autograd.grad(loss, parameters)

    for fisher, aim in (("batch", 1.15), ("per_sample", 1.4)):
        compare(
            f"{name}, |D| = {size}, {fisher} form, aim {aim}",
            lambda fisher=fisher: apply(SSD(fisher=fisher), learner, parts, Context()),
            plain,
        )


def growth(sizes: list[int]) -> None:
    """Print seconds per image of D for each size, batch form."""
    learner = Learner(SmallCNN(3, 10, 16)).eval()
    apply(SSD(), learner, parts_of(500, 16), Context())
    for size in sizes:
        parts = parts_of(size, 16)
        start = time.perf_counter()
        apply(SSD(), learner, parts, Context())
        spent = (time.perf_counter() - start) / size
        print(f"SmallCNN, 16 pixels, |D| = {size}: {1e6 * spent:.0f} microseconds per image")


def main() -> None:
    """Ratios, then growth."""
    conditions()
    torch.manual_seed(0)
    ratio("ResNet-20", CifarResNet(20, 3, 10), 500)
    ratio("SmallCNN", SmallCNN(3, 10, 32), 2000)
    growth([int(word) for word in sys.argv[1:]] or [1000, 5000, 20000, 50000])


if __name__ == "__main__":
    main()
