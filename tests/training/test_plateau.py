"""The stop rule on validation data."""

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from mu.errors import UsageError
from mu.models.base import Learner
from mu.training.fit import fit
from mu.training.plateau import Plateau, check_plateau
from mu.training.recipe import check_recipe

ADAM = {"_target_": "torch.optim.SGD", "lr": 0.5}
RECIPE = {"epochs": 200, "batch_size": None, "optimizer": ADAM, "schedule": "constant"}


def noisy(seed: int, n: int = 30):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 20, generator=generator)
    flip = torch.rand(n, generator=generator) < 0.3
    return x, ((x[:, 0] > 0) ^ flip).long()


def trained(**plateau):
    pl.seed_everything(0, verbose=False)
    learner = Learner(nn.Linear(20, 2))
    recipe = RECIPE | ({"plateau": plateau} if plateau else {})
    meter = fit(learner, [noisy(0)], recipe, validation=[noisy(1)])
    return learner, meter


def validation_loss(learner) -> float:
    x, y = noisy(1)
    return float(learner.loss(learner(x), y))


def test_it_stops_and_keeps_the_lowest_validation_loss():
    stopped, meter = trained(every=2, patience=3)
    whole, _ = trained()
    assert meter.best_epoch < 194
    assert meter.best_epoch % 2 == 0
    assert meter.backward == 30 * (meter.best_epoch + 6)  # three checks without a lower loss
    assert validation_loss(stopped) < validation_loss(whole)
    exactly, _ = trained(every=meter.best_epoch, patience=200)
    assert validation_loss(stopped) <= validation_loss(exactly) + 1e-7


def test_checks_count_as_forward_passes():
    _, meter = trained(every=2, patience=3)
    checks = (meter.best_epoch + 6) // 2
    assert meter.forward == meter.backward + 30 * checks


def test_without_it_all_epochs_are_trained():
    _, meter = trained()
    assert meter.best_epoch is None
    assert meter.backward == 30 * 200


def test_the_loss_is_a_mean_over_samples_however_they_are_cut():
    learner = Learner(nn.Linear(20, 2))
    x, y = noisy(1)
    whole = Plateau([(x, y)], 1, 1).loss(learner)
    cut = Plateau([(x[:7], y[:7]), (x[7:], y[7:])], 1, 1).loss(learner)
    assert whole == pytest.approx(cut, rel=1e-6)
    assert whole == pytest.approx(validation_loss(learner), rel=1e-6)


@pytest.mark.parametrize(
    "plateau", [{}, {"every": 1}, {"every": 0, "patience": 1}, {"every": 1, "patience": 1.5}, 3]
)
def test_a_rule_that_is_none_is_refused(plateau):
    with pytest.raises(UsageError, match=r"recipe\.plateau="):
        check_plateau(plateau)


def test_a_schedule_has_no_end_to_aim_at():
    recipe = RECIPE | {"plateau": {"every": 1, "patience": 1}, "schedule": "cosine"}
    with pytest.raises(UsageError, match="schedule=cosine: with plateau it must be constant"):
        check_recipe(recipe)


def test_a_class_that_is_gone_does_not_stop_training():
    from cases import CASES

    case = CASES["nodes"]()
    data, y = case.data, case.data.y.numpy()
    gone = data.parts["train"][y[data.parts["train"]] == 1]
    whole, kept = data.without({}), data.without({"nodes": gone})
    assert data.stopping(whole).tolist() == data.parts["validation"].tolist()
    assert (y[data.stopping(kept)] == 0).all()
    assert 0 < len(data.stopping(kept)) < len(data.parts["validation"])
    links = CASES["links"]().data
    assert links.stopping(links.without({})).tolist() == links.parts["validation"].tolist()
