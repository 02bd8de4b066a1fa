"""Training: the schedule, what is counted, precision, and that a seed fixes every bit."""

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from mu.artifact import Artifact
from mu.data.augment import crop_flip
from mu.data.base import TensorData
from mu.errors import UsageError
from mu.models.base import Learner, build_learner
from mu.models.weights import MEMORY, rebuild
from mu.training.fit import Counted, Meter, fit, step
from mu.training.recipe import schedule_factor

ADAM = {"_target_": "torch.optim.Adam", "lr": 0.01}
MODEL = {
    "_target_": "mu.models.vision.SmallCNN",
    "in_channels": 1,
    "num_classes": 10,
    "image_size": 8,
    "width": 2,
    "hidden": 4,
}
RECIPE = {
    "epochs": 1,
    "batch_size": 64,
    "optimizer": ADAM,
    "schedule": "constant",
    "warmup": 0.0,
    "precision": "32-true",
}
CONFIG = {
    "data": {"_target_": "mu.data.images.Digits", "test": 0.8},
    "model": MODEL,
    "recipe": RECIPE,
    "seed": 1,
    "device": "cpu",
}


class Cropped(TensorData):
    """Images that know one augmentation."""

    def augmented(self, x, ids, name, seed, epoch):
        self.asked = (name, seed, epoch)
        return crop_flip(x, torch.full((len(ids), 3), 0.5), 1)


@pytest.fixture
def images() -> Cropped:
    y = torch.arange(48) % 2
    x = torch.rand(48, 1, 8, 8, generator=torch.Generator().manual_seed(0)) + y.view(-1, 1, 1, 1)
    ids = np.arange(48)
    return Cropped(x, y, train=ids[:32], validation=ids[32:40], test=ids[40:])


def trained(images, seed=0, device="cpu", **recipe):
    pl.seed_everything(seed, verbose=False)
    learner = build_learner(MODEL | {"num_classes": 2})
    loader = images.loader(images.parts["train"], batch_size=8, train=True, seed=seed)
    meter = fit(learner, loader, {"epochs": 2, "optimizer": ADAM} | recipe, device=device)
    return learner, meter


def weights(learner) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in learner.parameters()])


# The schedule.


def test_the_optimiser_follows_the_schedule_step_by_step(images):
    seen = []

    class Watched(Learner):
        def on_train_batch_start(self, batch, index):
            seen.append(self.trainer.optimizers[0].param_groups[0]["lr"])

    learner = Watched(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2)))
    loader = images.loader(images.parts["train"], batch_size=8, train=True)
    recipe = {"epochs": 3, "optimizer": ADAM, "schedule": "cosine", "warmup": 0.25}
    fit(learner, loader, recipe)
    assert seen == pytest.approx([0.01 * schedule_factor("cosine", s, 12, 0.25) for s in range(12)])


def test_a_step_schedule_lowers_the_rate_between_epochs(images):
    plain = {"epochs": 2, "optimizer": ADAM}
    steps = plain | {"schedule": "multistep", "milestones": [1], "gamma": 1e-9}
    learner, _ = trained(images, **steps)
    one_epoch = trained(images, **plain | {"epochs": 1})[0]
    assert torch.allclose(weights(learner), weights(one_epoch), atol=1e-6)
    assert not torch.allclose(weights(learner), weights(trained(images, **plain)[0]), atol=1e-6)


# Training.


def test_training_learns_and_counts_its_passes(images):
    learner, meter = trained(images, epochs=15)
    (batch,) = images.loader(images.parts["test"])
    assert (learner(batch.x).argmax(1) == batch.y).float().mean() > 0.9
    assert (meter.forward, meter.backward) == (15 * 32, 15 * 32)
    assert meter.facts()["seconds_request"] > 0
    assert not learner.training
    assert learner.training_plan is None


def test_a_seed_fixes_every_bit(images):
    assert torch.equal(weights(trained(images, 3)[0]), weights(trained(images, 3)[0]))
    assert not torch.equal(weights(trained(images, 3)[0]), weights(trained(images, 4)[0]))


def test_every_epoch_is_another_one(images):
    loader = images.loader(images.parts["train"], batch_size=8, train=True, augment="crop")
    fit(build_learner(MODEL), loader, {"epochs": 3, "optimizer": ADAM})
    assert loader.epoch == 3
    assert images.asked == ("crop", 0, 2)


def test_no_epochs_leave_the_weights_as_they_were(images):
    learner, meter = trained(images, epochs=0)
    pl.seed_everything(0, verbose=False)
    assert torch.equal(weights(learner), weights(build_learner(MODEL | {"num_classes": 2})))
    assert (meter.forward, meter.backward) == (0, 0)


def test_frozen_parameters_stay(images):
    learner = build_learner(MODEL | {"num_classes": 2})
    frozen = learner.network.head.weight.requires_grad_(False)
    before = frozen.clone()
    fit(
        learner,
        images.loader(images.parts["train"], batch_size=8, train=True),
        {"epochs": 1, "optimizer": ADAM},
    )
    assert torch.equal(frozen, before)


def test_mixed_precision_and_channels_last_run_and_give_float_weights(images):
    plain = trained(images, channels_last=False)[0]
    mixed = trained(images, precision="bf16-mixed", channels_last=True)[0]
    convolution = next(m for m in mixed.modules() if isinstance(m, torch.nn.Conv2d))
    assert convolution.weight.is_contiguous(memory_format=torch.channels_last)
    found = weights(mixed)
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()
    assert not torch.equal(found, weights(plain))
    assert torch.allclose(found, weights(plain), atol=0.2)


def test_training_leaves_no_files(images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained(images)
    assert list(tmp_path.iterdir()) == []


# Counting.


def test_progress_is_told_of_each_batch(images):
    told = []
    loader = images.loader(images.parts["train"], batch_size=10)
    meter = Meter()
    for _ in Counted(loader, meter, 4, lambda done, total: told.append((done, total))):
        pass
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (meter.forward, meter.backward) == (32, 32)


def test_plain_batches_are_counted_by_their_samples():
    meter = Meter()
    list(meter.count([(torch.zeros(5, 2), torch.zeros(5))], backward=False))
    assert (meter.forward, meter.backward) == (5, 0)


# The step.


@pytest.mark.parametrize(
    ("wrong", "named"), [({"epochs": -1}, "epochs=-1"), ({"epoch": 1}, "recipe.epoch")]
)
def test_a_recipe_that_cannot_be_meant_is_refused(wrong, named):
    with pytest.raises(UsageError, match=named):
        step(CONFIG | {"recipe": RECIPE | wrong}, {"removed": []}, None)


def selection(*ids: int) -> Artifact:
    return Artifact({"kind": "samples"}, {"elements": np.array(ids)})


def test_the_step_is_the_same_every_time_and_knows_what_was_removed():
    first = step(CONFIG, {"removed": []}, None)
    again = step(CONFIG, {"removed": []}, None)
    assert all(torch.equal(first.tensors[n], again.tensors[n]) for n in first.tensors)
    train = rebuildable()
    assert first.facts["cost"]["forward"] == len(train)
    fewer = step(CONFIG, {"removed": [selection(*train[:5])]}, None)
    assert fewer.facts["cost"]["forward"] == len(train) - 5
    assert not torch.equal(
        fewer.tensors["network.head.weight"], first.tensors["network.head.weight"]
    )


def rebuildable() -> list[int]:
    from mu.data.build import build_data

    return build_data(CONFIG["data"]).parts["train"].tolist()


def test_a_learner_is_rebuilt_from_what_was_stored():
    found = step(CONFIG, {"removed": []}, None)
    found.tensors[f"{MEMORY}ledger"] = torch.zeros(3)
    learner = rebuild(MODEL, found)
    assert not learner.training
    for name, tensor in learner.state_dict().items():
        assert torch.equal(tensor, found.tensors[name])


def test_a_checkpoint_is_where_training_starts(tmp_path):
    untrained = CONFIG | {"recipe": RECIPE | {"epochs": 0}}
    other = step(untrained | {"seed": 9}, {"removed": []}, None)
    path = tmp_path / "weights.pt"
    torch.save({"state_dict": {f"module.{n}": t for n, t in other.tensors.items()}}, path)
    found = step(untrained | {"checkpoint": str(path)}, {"removed": []}, None)
    assert all(torch.equal(found.tensors[n], t) for n, t in other.tensors.items())
    wrong = untrained | {"checkpoint": str(path), "model": MODEL | {"hidden": 5}}
    with pytest.raises(UsageError, match=r"weights\.pt do not fit the model: wrong shape"):
        step(wrong, {"removed": []}, None)
