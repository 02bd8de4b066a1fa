"""An SSD request with stored importances ÷ a plain forward + backward pass over D_f (aim: ≤ 1.05).

The request runs as in the pipeline: copy of the model, seal, importances of D_f, selection,
dampening, the facts of the card. Random images: only time is measured. The last line is a request
whose peak memory is looked at without free memory being returned first.
Numbers after the command are other sizes of D_f than 100, 500 and 2000.
"""

import sys
from unittest.mock import patch

import numpy as np
import torch
from ratio import compare, conditions
from torch.nn import functional

from mu.data.base import TensorData
from mu.models.base import Learner
from mu.models.vision import CifarResNet
from mu.unlearning.base import Context, DataPart, apply
from mu.unlearning.ssd import SSD, FullImportance
from mu.unlearning.stored import prepare


def parts_of(size: int) -> dict[str, DataPart]:
    """D_f of a size, and a D that is a little larger."""
    x, y = torch.randn(size + 64, 3, 32, 32), torch.randint(0, 10, (size + 64,))
    ids = np.arange(size + 64)
    data = TensorData(x, y, train=ids, validation=ids[:0], test=ids[:0])
    view = data.without({}).view
    return {"full": DataPart(data, ids, view), "forget": DataPart(data, ids[:size], view)}


def measure(depth: int, size: int, fisher: str) -> None:
    """Time a request and the bare passes it is made of."""
    torch.manual_seed(0)
    learner = Learner(CifarResNet(depth, 3, 10)).eval()
    parameters, parts = list(learner.parameters()), parts_of(size)
    held = {"importance": prepare(FullImportance(fisher), learner, parts["full"])[0]}
    batches = list(parts["forget"].batches(batch_size=64))

    def request() -> None:
        apply(SSD(fisher=fisher), learner, parts, Context(), stored=held)

    def plain() -> None:
        for batch in batches:
            loss = functional.cross_entropy(learner(batch.x), batch.y)
            torch.autograd.grad(loss, parameters)

    compare(f"ResNet-{depth}, |D_f| = {size}, {fisher} form", request, plain)


def main() -> None:
    """Time each size; the largest on a smaller network."""
    conditions()
    for size in [int(word) for word in sys.argv[1:]] or [100, 500, 2000]:
        measure(8 if size > 1000 else 20, size, "batch")
    measure(20, 100, "per_sample")
    with patch("mu.training.peak_memory.return_free_memory"):
        measure(20, 100, "batch")


if __name__ == "__main__":
    main()
