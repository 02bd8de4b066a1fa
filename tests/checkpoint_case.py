"""Trainings with everything that a checkpoint has to bring back, and a process that is killed."""

import os
import signal
import sys
from pathlib import Path

import torch
from torch import nn

from mu.models.base import Learner
from mu.running.jobs import Job, execute
from mu.storing.store import Store


class Net(nn.Sequential):
    """Draws in training (dropout), and has running statistics."""

    def __init__(self) -> None:
        super().__init__(
            nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(16, 10),
        )  # fmt: skip


class Slowing(Learner):
    """Weighs its loss less and less, by a number and a tensor that no state dict has."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(network)
        self.steps = 0
        self.register_buffer("mean", torch.zeros(()), persistent=False)

    def batch_loss(self, batch):
        self.steps += 1
        loss = super().batch_loss(batch)
        self.mean = 0.9 * self.mean + 0.1 * loss.detach()
        return loss / (1 + 0.01 * self.steps) + 0.1 * self.mean * loss

    def on_train_epoch_end(self) -> None:
        with torch.no_grad():  # after callbacks: what is written must hold it
            self.network[1].bias.mul_(0.99)


class Sam(torch.optim.Optimizer):
    """Sharpness-aware, as everybody writes it: momentum is inside, where no state dict looks."""

    def __init__(self, params, lr, rho=0.05):
        super().__init__(params, {"lr": lr, "rho": rho})
        self.base = torch.optim.SGD(self.param_groups, lr=lr, momentum=0.9)
        self.turns = 0  # of an own kind: every other step looks back

    @torch.no_grad()
    def step(self, closure):
        loss = torch.enable_grad()(closure)()
        self.turns += 1
        moved = []
        for group in self.param_groups:
            for p in group["params"]:
                shift = group["rho"] * p.grad * (1 if self.turns % 3 else -1)
                p.add_(shift)
                moved.append((p, shift))
        self.zero_grad()
        torch.enable_grad()(closure)()
        for p, shift in moved:
            p.sub_(shift)
        self.base.step()
        return loss


class Secretive(torch.optim.SGD):
    """Keeps what nobody can write down."""

    def __init__(self, params, lr):
        super().__init__(params, lr=lr)
        self.drawn = torch.Generator().manual_seed(3)


DIGITS = {"_target_": "mu.data.images.Digits", "test": 0.7}
LINKS = {"_target_": "mu.data.digits_graph.DigitsLinks", "neighbours": 5, "validation": 0.05}
LINKS |= {"test": 0.05, "split_seed": 0}
MODEL = {"_target_": "checkpoint_case.Slowing", "network": {"_target_": "checkpoint_case.Net"}}
GCN = {"_target_": "mu.models.graph.GCN", "in_features": 64, "out_features": 8, "hidden": 8}
GCN = {"_target_": "mu.models.base.Learner", "network": GCN | {"dropout": 0.4}}
PLAIN = GCN | {"network": MODEL["network"]}  # begins without a Trainer
MOMENTUM = {"_target_": "torch.optim.SGD", "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4}
RECIPE = {"epochs": 6, "batch_size": 64, "optimizer": MOMENTUM, "precision": "32-true"}
CASES = {
    "images": (DIGITS, MODEL, {"schedule": "cosine", "warmup": 0.2}),
    "bf16": (DIGITS, MODEL, {"precision": "bf16-mixed"}),
    "adam": (DIGITS, MODEL, {"optimizer": {"_target_": "torch.optim.AdamW", "lr": 0.01}}),
    "sam": (DIGITS, MODEL, {"optimizer": {"_target_": "checkpoint_case.Sam", "lr": 0.05},
                            "schedule": "cosine"}),
    "lbfgs": (DIGITS, MODEL, {"optimizer": {"_target_": "torch.optim.LBFGS", "lr": 0.001}}),
    "plateau": (DIGITS, MODEL, {"epochs": 40, "plateau": {"every": 1, "patience": 2},
                                "optimizer": MOMENTUM | {"lr": 0.5}}),
    "plain": (DIGITS, PLAIN, {"schedule": "cosine", "warmup": 0.2}),
    "plain_lbfgs": (DIGITS, PLAIN, {"optimizer": {"_target_": "torch.optim.LBFGS", "lr": 0.001}}),
    "plain_plateau": (DIGITS, PLAIN, {"epochs": 40, "plateau": {"every": 1, "patience": 2},
                                      "optimizer": MOMENTUM | {"lr": 0.5}}),
    "links": (LINKS, GCN, {"batch_size": None, "epochs": 12}),
    "restricted": (DIGITS, PLAIN, {"fit": {"step": "mu.training.gradient_restriction:step",
                                           "alpha": 0.1}}),
}  # fmt: skip


def job(name: str, key: str = "0" * 32, seconds: float | None = 0.0) -> Job:
    """The training of a case, with a checkpoint after every epoch."""
    data, model, recipe = CASES[name]
    config = {"data": data, "model": model, "recipe": RECIPE | recipe, "seed": 5, "device": "cpu"}
    step = recipe.get("fit", {}).get("step", "mu.training.fit:step")
    return Job("fit", key, step, config | {"checkpoint_seconds": seconds}, {"removed": []}, name)


class Killed(BaseException):
    """What stands for the death of the process."""


def until(part: float, end) -> "callable":
    """A progress that calls ``end`` when so much of the training is done."""

    def progress(done: int, total: int) -> None:
        if done >= part * total:
            end()

    return progress


def main(store: str, name: str, part: str) -> None:
    """Train, and be killed in the middle of an epoch."""
    torch.set_num_threads(1)
    killed = until(float(part), lambda: os.kill(os.getpid(), signal.SIGKILL))
    execute(Store(Path(store)), job(name), killed)


if __name__ == "__main__":
    main(*sys.argv[1:])
