"""mu's loop and Lightning's ÷ a bare loop over the same batches, with the same bits (aim: 1).

A training as `mu.training.fit.train` runs it where `mu.training.loop.needs_no_trainer`, one by the
Trainer that all else has, one with ``Trainer(barebones=True)``, and the four lines that all come
down to. Random data: only time is measured.
"""

import copy
from collections.abc import Callable, Iterator

import pytorch_lightning as pl
import torch
from ratio import compare, conditions
from torch import Tensor, nn

from mu.data.base import Batch
from mu.models.base import Learner
from mu.training.fit import quiet_lightning, train
from mu.training.recipe import optimisation

ROWS, SIZE, EPOCHS = 1400, 64, 10
RECIPE = {
    "epochs": EPOCHS,
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.05, "momentum": 0.9},
    "schedule": "cosine",
}


class Batches:
    """Batches that are there already."""

    def __init__(self, x: Tensor) -> None:
        y = torch.randint(0, 10, (ROWS,))
        places = torch.arange(ROWS).split(SIZE)
        self.batches = [Batch(x[at], y[at], at) for at in places]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.batches)


class Idle(pl.Callback):
    """Does nothing, and is not mu's."""


def bare(learner: Learner, batches: Batches) -> None:
    """Training without a Trainer."""
    learner.train()
    plan = learner.configure_optimizers()
    optimizer, schedule = plan["optimizer"], plan["lr_scheduler"]["scheduler"]
    for _ in range(EPOCHS):
        for index, batch in enumerate(batches):
            optimizer.zero_grad()
            learner.training_step(batch, index).backward()
            optimizer.step()
            schedule.step()


def usual(learner: Learner, batches: Batches) -> None:
    """Training as everywhere in mu."""
    train(learner, batches, EPOCHS, "32-true", "cpu")


def trainer(learner: Learner, batches: Batches) -> None:
    """Training as everywhere in mu where somebody else's callback is there."""
    train(learner, batches, EPOCHS, "32-true", "cpu", [Idle()])


def barebones(learner: Learner, batches: Batches) -> None:
    """Training with what Lightning calls its barest loop."""
    with quiet_lightning():
        trainer = pl.Trainer(max_epochs=EPOCHS, accelerator="cpu", devices=1, barebones=True)
        trainer.fit(learner, batches)


def small_cnn() -> nn.Module:
    """For images of 8 by 8 pixels."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(128, 10)),
    )


def measure(name: str, network: nn.Module, x: Tensor) -> None:
    """Time each loop on a network, and see that all end with the same weights."""
    batches, found = Batches(x), {}

    def by(loop: Callable[[Learner, Batches], None]) -> Callable[[], None]:
        def run() -> None:
            learner = Learner(copy.deepcopy(network))
            learner.training_plan = optimisation(RECIPE, EPOCHS * len(batches))
            loop(learner, batches)
            found[loop.__name__] = [p.detach().clone() for p in learner.parameters()]

        return run

    compare(f"mu's loop ÷ a bare one, {name}", by(usual), by(bare))
    compare(f"Lightning's loop ÷ a bare one, {name}", by(trainer), by(bare))
    compare(f"barebones=True ÷ a bare one, {name}", by(barebones), by(bare))
    for weights in found.values():
        assert all(torch.equal(a, b) for a, b in zip(weights, found["bare"], strict=True))


def main() -> None:
    """Time a linear head and a small CNN."""
    conditions()
    torch.manual_seed(0)
    measure("linear head", nn.Linear(64, 10), torch.randn(ROWS, 64))
    measure("small CNN", small_cnn(), torch.randn(ROWS, 1, 8, 8))


if __name__ == "__main__":
    main()
