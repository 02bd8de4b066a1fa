"""Retraining the last linear layer alone: a control for every method that edits the head."""

from typing import Any, ClassVar, Literal

import torch

from mu.unlearning.heads.frozen_trunk import FrozenTrunk
from mu.unlearning.heads.look import found_head
from mu.unlearning.options import one_of

Start = Literal["zero", "original"]


class HeadRetraining(FrozenTrunk):
    r"""Train the head W, b on features h of D_r; the trunk stays as it is.

    .. math:: \min_{W, b} \; \mathbb{E}_{(x, y) \in D_r} \, \ell(W h(x) + b, y)

    A control (arXiv 2405.15662 trains this layer and no other): from zero the head knows nothing of
    D_f, from the original it shows what training on D_r alone does. The trunk was learned with D_f
    and keeps what it knows. The model is in evaluation mode, features are computed once, and no
    augmentation is used.

    Args:
        start: "zero", or "original" for the head as it is.
        epochs: Passes over the features of D_r.
        lr: Learning rate.
        training: As for `Finetuning`; batches of 32.

    Raises:
        UsageError: An unknown ``start``; when it is applied: a network that does not end in one
            linear layer of its own that is trained.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain"})
    requests: ClassVar[frozenset[str]] = frozenset({"samples"})

    def __init__(
        self,
        start: Start = "zero",
        epochs: int = 10,
        lr: float = 0.005,
        **training: Any,
    ) -> None:
        super().__init__(epochs, lr, **{"batch_size": 32} | training)
        one_of(start=(start, ("zero", "original")))
        self.start = start

    def solve(self) -> None:
        self.head = found_head(self, "retain", editable=True)
        self.rows = self.features_of(self.forward_batches("retain", batch_size=self.batch_size))
        self.choose([([self.head], self.lr)])
        if self.start == "zero":
            with torch.no_grad():
                for parameter in self.head.parameters():
                    parameter.zero_()
