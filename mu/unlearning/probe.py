"""The trajectory of unlearning: accuracy and loss of each part while a method trains."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from mu.data.base import Batch
from mu.models.base import Learner, as_batch, evaluation_mode

Sums = tuple[float, float, int]  # right answers, summed loss, samples


class Probe(pl.Callback):
    """Looks at a few samples of each part before, during and after training; changes nothing.

    The method does not see what the probe sees, and the time it takes is not the method's.

    Args:
        parts: Name → re-iterable batches of a fixed, small set of samples.
        steps: Optimiser steps the training will take.
        epochs: Epochs it will take.
        points: How often to look, the start and the end included.
    """

    def __init__(
        self, parts: Mapping[str, Sequence[Batch]], steps: int, epochs: int, points: int = 10
    ) -> None:
        self.parts, self.per_epoch = parts, max(steps // max(epochs, 1), 1)
        self.when = set(np.linspace(0, steps, max(points, 2)).round().astype(int).tolist())
        self.seconds, self.last = 0.0, -1  # the step last looked at
        self.trajectory: dict[str, list[Any]] = {"step": [], "epoch": []}

    def on_train_start(self, trainer: pl.Trainer, module: Any) -> None:
        self.look(module.learner, 0)

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, *_: Any) -> None:
        if trainer.global_step in self.when and trainer.global_step != self.last:
            self.look(module.learner, trainer.global_step)

    def look(self, learner: Learner, step: int) -> None:
        """Note accuracy and mean loss of every part at a step."""
        start, self.last = time.perf_counter(), step
        self.trajectory["step"].append(step)
        self.trajectory["epoch"].append(step / self.per_epoch)
        with torch.inference_mode(), evaluation_mode(learner):
            for name, batches in self.parts.items():
                sums = [tally(learner, batch) for batch in batches]
                right, loss, n = (sum(column) for column in zip(*sums, strict=True))
                self.trajectory.setdefault(f"{name}_accuracy", []).append(right / n)
                self.trajectory.setdefault(f"{name}_loss", []).append(loss / n)
        self.seconds += time.perf_counter() - start


def tally(learner: Learner, batch: Batch) -> Sums:
    """Right answers, summed loss and number of samples of one batch."""
    device = next(learner.parameters()).device
    logits, targets = learner.outputs(as_batch((batch.x.to(device), batch.y.to(device))))
    chosen: Tensor = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(1)
    loss = float(learner.loss(logits.float(), targets, "sum"))
    return float((chosen == targets).sum()), loss, len(targets)
