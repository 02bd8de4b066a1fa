"""The bare loop and Lightning's: the same bits, and each where it belongs."""

import importlib
import inspect
import pkgutil

import cases
import pytest
import pytorch_lightning as pl
import torch
from checkpoint_case import Net
from method_case import KINDS, METHODS, method, serves
from pytorch_lightning.core.hooks import DataHooks, ModelHooks

import mu
from mu.data.base import Batch
from mu.models.base import Learner
from mu.training import fit as training
from mu.training.loop import Loop
from mu.unlearning.apply import unchanged
from mu.unlearning.base import Context, LoaderPart, apply

SGD = {"_target_": "torch.optim.SGD", "lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4}
RECIPES = {
    "cosine": {"schedule": "cosine", "warmup": 0.2},
    "adam": {"optimizer": {"_target_": "torch.optim.AdamW", "lr": 0.01}},
    "lbfgs": {"optimizer": {"_target_": "torch.optim.LBFGS", "lr": 0.001}},
    "sam": {"optimizer": {"_target_": "checkpoint_case.Sam", "lr": 0.05}},
    "plateau": {"epochs": 40, "plateau": {"every": 1, "patience": 2}},
}
CALLED = {
    *("training_step", "configure_optimizers", "configure_callbacks", "on_train_start"),
    *("on_train_epoch_start", "on_after_backward", "on_train_batch_end", "on_train_epoch_end"),
    "on_train_end",
}
TRAINED = [
    (name, problem)
    for name in METHODS
    for problem in KINDS
    if serves(name, problem) and method(name).epochs
]


@pytest.fixture
def by_lightning(monkeypatch):
    """From here on, all training is a Trainer's."""
    return lambda: monkeypatch.setattr(training, "needs_no_trainer", lambda *_: False)


@pytest.fixture
def trainers(monkeypatch):
    """The Trainers made so far."""
    made = []

    class Noted(pl.Trainer):
        def __init__(self, **options):
            super().__init__(**options)
            made.append(self)

    monkeypatch.setattr(training.pl, "Trainer", Noted)
    return made


def digits(seed: int) -> list[Batch]:
    x = torch.randn(90, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
    y = (x.mean((1, 2, 3)) > 0).long()
    return [Batch(x[at], y[at], at) for at in torch.arange(90).split(20)]


def counted() -> training.Counted:
    return training.Counted(digits(0), training.Meter())


def trained(kind: type[Learner] = Learner, **recipe):
    pl.seed_everything(0, verbose=False)
    learner = kind(Net())
    asked = {"epochs": 4, "optimizer": SGD, "schedule": "constant"} | recipe
    meter = training.fit(learner, digits(0), asked, validation=digits(1))
    return learner, (meter.forward, meter.backward, meter.best_epoch)


@pytest.mark.parametrize("name", RECIPES)
def test_a_training_ends_with_the_bits_of_lightning(name, trainers, by_lightning):
    bare, passes = trained(**RECIPES[name])
    assert not trainers
    by_lightning()
    usual, also = trained(**RECIPES[name])
    assert len(trainers) == 1
    assert unchanged(bare, usual)
    assert passes == also


def unlearned(name, problem):
    case, found = cases.CASES[problem](), method(name)
    found.epochs = min(found.epochs, 6)
    watched = {"retain": list(case.parts()["retain"].batches())}
    context = Context(watched=watched, points=4)
    return apply(found, case.learner, case.parts(found.gradient_view), context)


@pytest.mark.parametrize(("name", "problem"), TRAINED)
def test_a_method_ends_with_the_bits_of_lightning(name, problem, trainers, by_lightning):
    bare = unlearned(name, problem)
    assert not trainers
    by_lightning()
    usual = unlearned(name, problem)
    assert trainers
    assert unchanged(bare.learner, usual.learner)
    assert (bare.facts, bare.trajectory) == (usual.facts, usual.trajectory)
    assert (bare.meter.forward, bare.meter.backward) == (usual.meter.forward, usual.meter.backward)


def test_a_module_of_somebody_elses_has_a_trainer(trainers):
    class Mine(Learner):
        def training_step(self, batch, index):
            seen.append((type(self.trainer), self.current_epoch, self.global_step))
            self.log("loss", 0.0)
            return super().training_step(batch, index)

    seen = []
    trained(Mine)
    assert len(trainers) == 1
    assert seen == [(type(trainers[0]), step // 5, step) for step in range(20)]


def test_a_method_trains_a_learner_of_somebody_elses_with_a_trainer(trainers):
    class Mine(Learner):
        def batch_loss(self, batch):
            seen.append(self.trainer.num_training_batches)
            return super().batch_loss(batch)

    seen = []
    learner, _ = trained(Mine)
    parts = {"retain": LoaderPart(([(b.x, b.y) for b in digits(0)],))}
    apply(method("finetune"), learner, parts | {"forget": parts["retain"]}, Context())
    assert len(trainers) == 2
    assert set(seen) == {5}


def test_a_callback_of_somebody_elses_has_a_trainer(trainers):
    class Mine(pl.Callback):
        def on_train_batch_start(self, *_):
            seen.append(1)

    seen = []
    learner = Learner(Net())
    learner.training_plan = lambda one: torch.optim.SGD(one.parameters(), lr=0.1)
    training.train(learner, counted(), 2, "32-true", "cpu", [Mine()])
    assert len(trainers) == 1
    assert len(seen) == 10


@pytest.mark.parametrize(("device", "precision"), [("cpu", "bf16-mixed"), ("cuda", "32-true")])
def test_other_devices_and_precisions_have_a_trainer(device, precision):
    assert not training.needs_no_trainer(Learner(Net()), (), precision, device)
    assert training.needs_no_trainer(Learner(Net()), (), "32-true", "cpu")


def test_training_may_end_within_an_epoch():
    class Stopping(Learner):
        def training_step(self, batch, index):
            self.trainer.should_stop = self.trainer.global_step == 6
            return super().training_step(batch, index)

    ended = []
    for fit in (Loop(4).fit, pl.Trainer(max_epochs=4, barebones=True, accelerator="cpu").fit):
        pl.seed_everything(0, verbose=False)
        learner = Stopping(Net())
        learner.training_plan = lambda one: torch.optim.SGD(one.parameters(), lr=0.1)
        fit(learner, counted())
        ended.append(learner)
    assert unchanged(*ended)


def modules():
    """Every class of mu that a Trainer can be handed, but for the one that needs a Trainer."""
    for found in pkgutil.walk_packages(mu.__path__, "mu."):
        if found.name != "mu.__main__":
            importlib.import_module(found.name)
    kinds = {pl.LightningModule: [], pl.Callback: []}
    for top, below in kinds.items():
        todo = [top]
        while todo:
            kind = todo.pop()
            todo += kind.__subclasses__()
            if kind.__module__.startswith("mu.") and kind.__name__ != "Checkpoints":
                below.append((top, kind))
    return [pair for below in kinds.values() for pair in below]


def test_mu_uses_no_hook_that_the_bare_loop_does_not_call():
    hooks = {name for owner in (ModelHooks, DataHooks, pl.Callback) for name in vars(owner)}
    hooks |= {name for name in vars(pl.LightningModule) if name.startswith(("on_", "configure_"))}
    hooks |= {"backward", "optimizer_step", "optimizer_zero_grad", "lr_scheduler_step"}
    hooks = {name for name in hooks if not name.startswith("__") and "state_dict" not in name}
    found = modules()
    assert len(found) > 30
    for top, kind in found:
        for name in hooks - CALLED:
            own = inspect.getattr_static(kind, name, None)
            at_top = inspect.getattr_static(top, name, None)
            assert own is at_top, f"{kind.__name__}.{name}"
