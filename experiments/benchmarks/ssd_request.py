"""An SSD request ÷ one plain forward + backward pass over the same batches (aim: ≤ 1.1).

Synthetic images: only time is measured.
"""

import torch
from ratio import compare, conditions

from mu.models.base import Learner
from mu.models.vision import CifarResNet
from mu.unlearning.base import Context, LoaderPart, apply
from mu.unlearning.ssd import SSD


def main() -> None:
    """Time the method as the pipeline runs it, and a bare loop."""
    conditions()
    learner = Learner(CifarResNet(20, 3, 10)).eval()
    batches = [(torch.randn(64, 3, 32, 32), torch.randint(0, 10, (64,))) for _ in range(6)]
    parts = {"full": LoaderPart((batches,)), "forget": LoaderPart((batches[:2],))}
    parameters = list(learner.parameters())

    def request() -> None:
        apply(SSD(share=0.01), learner, parts, Context())

    def plain() -> None:
        for x, y in [*batches, *batches[:2]]:
            loss = torch.nn.functional.cross_entropy(learner(x), y)
            torch.autograd.grad(loss, parameters)

    compare("SSD request ÷ forward + backward over D and D_f", request, plain)


if __name__ == "__main__":
    main()
