"""Training until the validation loss has stopped falling."""

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from mu.errors import UsageError
from mu.models.base import Learner, as_batch, evaluation_mode


def check_plateau(plateau: Any) -> None:
    """Refuse a stop rule before anything is trained with it.

    Raises:
        UsageError: It is no mapping of ``every`` and ``patience`` to numbers from 1 up.

    Example:
        >>> check_plateau({"every": 10})
        Traceback (most recent call last):
        mu.errors.UsageError: recipe.plateau={'every': 10} needs every and patience, both 1 or more
    """
    if plateau is None:
        return
    names = {"every", "patience"}
    good = isinstance(plateau, Mapping) and set(plateau) == names
    if not good or not all(type(plateau[n]) is int and plateau[n] >= 1 for n in names):
        raise UsageError(f"recipe.plateau={plateau} needs every and patience, both 1 or more")


class Plateau(pl.Callback):
    """Stop when the validation loss no longer falls, and keep the weights where it was lowest.

    Args:
        batches: Validation batches, read at each check.
        every: Epochs between checks.
        patience: Checks in a row without a new lowest loss after which training ends.

    Attributes:
        best_epoch: Epochs trained when the loss was lowest.
        losses: The loss at each check.
        passes: Forward passes spent on checks, in the data's unit.
    """

    def __init__(self, batches: Any, every: int, patience: int) -> None:
        self.batches, self.every, self.patience = batches, every, patience
        self.best_epoch, self.passes = 0, 0
        self.losses: list[float] = []
        self._best: dict[str, Tensor] = {}

    @torch.no_grad()
    def loss(self, learner: Learner) -> float:
        """Mean loss over the validation samples, in evaluation mode."""
        total, count = 0.0, 0
        device = next(learner.parameters()).device
        with evaluation_mode(learner):
            for batch in map(as_batch, self.batches):
                there = as_batch((batch.x.to(device), batch.y.to(device)))
                logits, targets = learner.outputs(there)
                total += float(learner.loss(logits, targets, "sum"))
                count += len(batch)
                self.passes += batch.units
        return total / max(count, 1)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        done = trainer.current_epoch + 1
        if done % self.every or not isinstance(pl_module, Learner):
            return
        found = self.loss(pl_module)
        if not self.losses or found < min(self.losses):
            self.best_epoch = done
            self._best = {k: v.clone() for k, v in pl_module.state_dict().items()}
        self.losses.append(found)
        if (done - self.best_epoch) // self.every >= self.patience:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of the checks so far."""
        return {
            "best_epoch": self.best_epoch,
            "passes": self.passes,
            "losses": self.losses,
            "best": self._best,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on after the checks of a checkpoint."""
        self.best_epoch, self.passes = state_dict["best_epoch"], state_dict["passes"]
        self.losses, self._best = state_dict["losses"], state_dict["best"]

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._best:
            pl_module.load_state_dict(self._best)
