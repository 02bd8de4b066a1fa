"""Boundary expand: samples to forget move to a class that is then taken away."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.errors import UsageError
from mu.models.base import Learner, as_batch
from mu.models.output_layer import head_inputs
from mu.unlearning.base import OPTIMIZERS, Finetuning
from mu.unlearning.heads.look import found_head


def shadow_of(head: nn.Linear) -> nn.Linear:
    """The row of weights (1, d) of one more class, drawn as linear layers are."""
    like = {"device": head.weight.device, "dtype": head.weight.dtype}
    return nn.Linear(head.in_features, 1, head.bias is not None, **like)


def expanded_outputs(
    learner: Learner, batch: Batch, head: nn.Linear, shadow: nn.Linear
) -> tuple[Tensor, Tensor]:
    """Logits (n, C + 1) with the shadow class last, and targets (n,) that all name it.

    The shadow class reads what the head reads; the network itself has no further output.

    Args:
        learner: Its logits must be what ``head`` returns.
        batch: Samples; their own targets do not matter.
        head: A module of the learner's.
        shadow: From `shadow_of`.

    Raises:
        UsageError: The logits are not the head's outputs.
    """
    read, logits, targets = head_inputs(learner, batch, head)
    wide = torch.cat([logits, shadow(read)], dim=1)
    return wide, torch.full_like(targets, head.out_features)


class BoundaryExpand(Finetuning):
    r"""Train D_f towards a shadow class, then remove it (Chen et al., CVPR 2023, arXiv 2303.11570).

    .. math:: \min_{\theta, w_{C+1}} \;
        \mathbb{E}_{D_f} \ell\big([f_\theta(x), \, w_{C+1}^\top h_\theta(x)], C + 1\big)

    with h the input of the head. The shadow class stands beside the network and is dropped, so the
    result has the architecture of the original. The model stays in evaluation mode, so that batch
    statistics of D_f alone do not reach the running ones; it never sees D_r.

    Args:
        epochs: Passes over D_f.
        lr: Learning rate, also of the shadow class.
        batch_size, momentum, weight_decay, optimizer: As for `Finetuning`.

    Raises:
        UsageError: The network does not end in one linear layer with a logit for each class.
    """

    reads_labels: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"forget"})
    requests: ClassVar[frozenset[str]] = frozenset({"samples"})
    train_part: ClassVar[str] = "forget"

    def solve(self) -> None:
        self.head = found_head(self, "forget")
        if self.head.out_features < 2:
            raise UsageError(
                f"{type(self.learner.network).__name__} has a single output, beside which no class "
                "can stand; boundary expand needs two classes or more"
            )
        self.shadow = shadow_of(self.head)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        wide, targets = expanded_outputs(self.learner, as_batch(batch), self.head, self.shadow)
        return self.learner.loss(wide, targets)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        trained = [p for p in self.learner.parameters() if p.requires_grad]
        return OPTIMIZERS[self.optimizer_name](self, [*trained, *self.shadow.parameters()])
