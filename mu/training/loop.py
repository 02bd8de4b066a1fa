"""The training loop without Lightning's bookkeeping: the same bits, and small steps are fast."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import pytorch_lightning as pl
import torch

from mu.models.base import Learner


def needs_no_trainer(
    module: pl.LightningModule, callbacks: Sequence[pl.Callback], precision: str, device: str
) -> bool:
    """Whether `Loop` does all that a Trainer would: for mu's own classes, on the CPU, unmixed.

    A module or callback of somebody else's may use any hook, and anything of a Trainer; a method
    that is handed one then trains as the model itself was trained.
    """
    modules = [one for one in module.modules() if isinstance(one, pl.LightningModule)]
    kinds = {kind for one in (*modules, *callbacks) for kind in type(one).__mro__}
    added = [kind for kind in kinds if issubclass(kind, pl.LightningModule | pl.Callback)]
    own = all(kind.__module__.split(".")[0] in ("mu", "pytorch_lightning") for kind in added)
    return own and device == "cpu" and precision == "32-true"


class Loop:
    """What mu's modules and callbacks read of a Trainer, and the hooks they have, in its order.

    There is one process, one optimiser and at most one schedule, which moves with every step.

    Args:
        epochs: Passes over the batches.

    Attributes:
        given: What ``configure_optimizers`` gave: the optimiser and, where there is one, its
            schedule.
    """

    world_size = 1

    def __init__(self, epochs: int) -> None:
        self.max_epochs, self.current_epoch, self.global_step = epochs, 0, 0
        self.should_stop = False
        self.given: Any = None
        self.callbacks: list[Any] = []

    @property
    def over(self) -> bool:
        """Whether nothing is left to train."""
        return self.should_stop or self.current_epoch >= self.max_epochs

    def fit(
        self,
        module: pl.LightningModule,
        batches: Any,
        callbacks: Sequence[pl.Callback] = (),
        pause: Callable[[], bool] | None = None,
    ) -> None:
        """Train a module in place.

        Args:
            module: One that `needs_no_trainer` allows.
            batches: Re-iterable batches of one epoch, with a length.
            callbacks: Beside those that the module brings.
            pause: Asked between epochs: whether to leave the rest to a Trainer (`hand_over`).
        """
        module.trainer = self  # type: ignore[assignment]
        self.callbacks = [*callbacks, *module.configure_callbacks()]  # type: ignore[misc]
        self.given = module.configure_optimizers()
        self._tell("on_train_start", module)
        while not self.over:
            self._epoch(module, batches)
            self._tell("on_train_epoch_end", module)
            self.current_epoch += 1
            if pause and not self.over and pause():
                return
        self._tell("on_train_end", module)
        module.trainer = None

    def _epoch(self, module: pl.LightningModule, batches: Any) -> None:
        optimizer, schedule = self.given, None
        if isinstance(self.given, dict):
            optimizer = self.given["optimizer"]
            schedule = self.given["lr_scheduler"]["scheduler"]
        self._tell("on_train_epoch_start", module)
        for index, batch in enumerate(islice(batches, len(batches))):

            def loss(batch: Any = batch, index: int = index) -> Any:
                found: Any = module.training_step(batch, index)
                optimizer.zero_grad()
                if found is not None:
                    torch.autograd.backward(found)
                    module.on_after_backward()
                return found

            optimizer.step(loss)
            if schedule is not None:
                schedule.step()
            self.global_step += 1
            self._tell("on_train_batch_end", module, None, batch, index)
            if self.should_stop:
                break

    def _tell(self, hook: str, module: pl.LightningModule, *about: Any) -> None:
        for one in self.callbacks:
            getattr(one, hook)(self, module, *about)
        getattr(module, hook)(*about)

    def hand_over(self, trainer: pl.Trainer, learner: Learner) -> None:
        """Have a Trainer go on after the epochs trained here, with the optimiser as it is now."""
        given, progress = self.given, trainer.fit_loop.epoch_progress
        learner.training_plan = lambda _: given
        for count in (progress.total, progress.current):
            for name in ("ready", "started", "processed", "completed"):
                setattr(count, name, self.current_epoch)
