"""An IAU request with the stored gradient sum ÷ a plain pass over D_f (aim: ≤ 1.05).

The request runs as in the pipeline: copy of the model, seal, gradients of D_f, the step, the facts
of the card; the pass is forward and backward in the same batches. One thread, fp32, random images:
only time is measured. Numbers after the command are other sizes of D_f than 100, 500 and 2000.
"""

import sys

import numpy as np
import torch
from ratio import compare, conditions
from torch import nn
from torch.nn import functional

from mu.data.base import TensorData
from mu.models.base import Learner
from mu.models.lenet import LeNet5
from mu.models.vision import CifarResNet
from mu.unlearning.base import Context, DataPart, apply
from mu.unlearning.iau import IAU, GradientSum
from mu.unlearning.stored import prepare


def parts_of(size: int) -> dict[str, DataPart]:
    """D_f of a size, and a D that is a little larger."""
    x, y = torch.randn(size + 64, 3, 32, 32), torch.randint(0, 10, (size + 64,))
    ids = np.arange(size + 64)
    data = TensorData(x, y, train=ids, validation=ids[:0], test=ids[:0])
    view = data.without({}).view
    own = {"full": ids, "forget": ids[:size], "retain": ids[size:]}
    return {name: DataPart(data, part, view) for name, part in own.items()}


def measure(name: str, network: nn.Module, size: int) -> None:
    """Time a request and the bare pass it is made of."""
    learner, parts = Learner(network).eval(), parts_of(size)
    parameters = list(learner.parameters())
    held = {"gradient_sum": prepare(GradientSum(), learner, parts["full"])[0]}
    batches = list(parts["forget"].batches(batch_size=256))

    def request() -> None:
        apply(IAU(), learner, parts, Context(), stored=held)

    def plain() -> None:
        for batch in batches:
            loss = functional.cross_entropy(learner(batch.x), batch.y)
            torch.autograd.grad(loss, parameters)

    compare(f"{name}, |D_f| = {size}", request, plain)


def main() -> None:
    """Time each size, the largest on smaller networks."""
    conditions()
    torch.manual_seed(0)
    for size in [int(word) for word in sys.argv[1:]] or [100, 500, 2000]:
        measure("LeNet-5", LeNet5(3, 10, 32), size)
        depth = 8 if size > 1000 else 20
        measure(f"ResNet-{depth}", CifarResNet(depth, 3, 10), size)


if __name__ == "__main__":
    main()
