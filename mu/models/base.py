"""The Learner: a network with its loss, trained, unlearned, predicted with and stored as one."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import pytorch_lightning as pl
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from mu.data.base import Batch
from mu.data.build import build
from mu.data.facts import without_pretrained
from mu.doors.batches import as_batch
from mu.doors.guest import evaluation_mode
from mu.doors.outputs import fitted, logits_of
from mu.errors import UsageError
from mu.models.frozen import rest

__all__ = [
    "Learner",
    "Progress",
    "as_batch",
    "build_learner",
    "cross_entropy",
    "evaluation_mode",
    "output_of",
]

Progress = Callable[[int, int], None]  # is told the number of batches done, and of all


def cross_entropy(logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
    """Cross-entropy; logits (n, 1) mean binary with targets in {0, 1}."""
    if logits.shape[-1] == 1:
        return functional.binary_cross_entropy_with_logits(
            logits.squeeze(-1), targets.to(logits.dtype), reduction=reduction
        )
    return functional.cross_entropy(logits, targets, reduction=reduction)


def output_of(network: nn.Module, x: Any) -> Any:
    """What a network returns for an input; a mapping goes in by name where it takes names."""
    if not isinstance(x, Mapping):
        return network(x)
    try:
        inspect.signature(network.forward).bind(**x)
    except TypeError:
        return network(x)
    return network(**x)


class Learner(pl.LightningModule):
    """A network that returns logits, with the loss it is trained on.

    Args:
        network: Any module; ``network(batch.x)`` gives logits (n, C), or (n, 1) or (n,) for binary,
            or an object that has them as ``logits``.

    Subclass and replace `loss` (and `outputs`) for another kind of task; `mu.models.own_loss` makes
    such a learner of a criterion.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.training_plan: Any = None

    @property
    def own_loss(self) -> bool:
        """Whether it is trained on another loss than cross-entropy."""
        return type(self).loss is not Learner.loss

    def train(self, mode: bool = True) -> "Learner":
        """As ever, but normalisations that are frozen keep their running statistics."""
        super().train(mode)
        rest(self)
        return self

    def forward(self, x: Any) -> Tensor:
        """Logits of one input batch, as the network returns them.

        Raises:
            UsageError: It returns no logits.
        """
        return logits_of(output_of(self.network, x), self.network)

    def outputs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits (n, C) or (n, 1), and the targets they are compared with.

        A subclass with a loss of its own gets both as network and batch have them.

        Raises:
            UsageError: They are not for cross-entropy.
        """
        if self.own_loss:
            return self(batch.x), batch.y
        return fitted(self(batch.x), batch.y, self.network)

    def features(self, batch: Batch) -> Tensor:
        """(n, d) representation before the head; networks offer it as ``features(x)``.

        Raises:
            UsageError: The network has no method ``features``.
        """
        if not hasattr(self.network, "features"):
            raise UsageError(f"{type(self.network).__name__} has no method features(x)")
        features: Any = self.network.features
        found: Tensor = features(batch.x)
        return found

    def loss(self, logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
        """Training loss; ``reduction`` is "mean", "sum" or "none" (one value per sample)."""
        return cross_entropy(logits, targets, reduction)

    def batch_loss(self, batch: Batch) -> Tensor:
        """Mean loss of a batch, weighted where the batch carries weights."""
        logits, targets = self.outputs(batch)
        if batch.weight is None:
            return self.loss(logits, targets)
        return (batch.weight * self.loss(logits, targets, "none")).sum() / batch.weight.sum()

    def on_train_start(self) -> None:
        """Refuse to train in several processes what would become another model than in one.

        Raises:
            UsageError: A batch normalisation sees the batch of one process only; it is named.
        """
        if self.trainer.world_size == 1:
            return
        for name, module in self.network.named_modules():
            alone = isinstance(module, _BatchNorm) and not isinstance(module, nn.SyncBatchNorm)
            if alone and module.training:
                raise UsageError(
                    f"layer {name or type(module).__name__} normalises the batch of each process "
                    "by itself, so the model is not that of a single process: train with "
                    "Trainer(sync_batchnorm=True), which needs GPUs, or in one process"
                )

    def training_step(self, batch: Batch, index: int) -> Tensor:
        return self.batch_loss(as_batch(batch))

    def predict_step(self, batch: Batch, index: int = 0) -> Tensor:
        return self.outputs(as_batch(batch))[0]

    def configure_optimizers(self) -> Any:
        return self.training_plan(self)


def build_learner(config: Mapping[str, Any], download: bool = True) -> Learner:
    """Instantiate a model configuration with fresh weights; a bare network gets a `Learner`.

    ``download=False`` overrules ``pretrained: true`` anywhere in the configuration, where weights
    are loaded afterwards that replace the pretrained ones.
    """
    learner = build(dict(config) if download else without_pretrained(config))
    return learner if isinstance(learner, Learner) else Learner(learner)
