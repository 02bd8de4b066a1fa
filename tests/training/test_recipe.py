"""What a recipe may say, and the learning rate it asks for."""

import math

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mu.configuration.choices import choices
from mu.errors import UsageError
from mu.training.recipe import check_recipe, factors, optimisation, schedule_factor

RECIPE = {
    "epochs": 4,
    "batch_size": 64,
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1},
    "schedule": "constant",
    "warmup": 0.0,
    "precision": "32-true",
}
STEPS = {"schedule": "multistep", "milestones": [2, 3], "gamma": 0.2}


def series(steps: int, **more) -> list[float]:
    factor = factors(RECIPE | more, steps)
    return [factor(step) for step in range(steps)]


# The schedule.


def test_the_cosine_is_a_cosine_after_a_linear_ramp():
    found = series(40, schedule="cosine", warmup=0.25)
    assert found[:10] == pytest.approx([(s + 1) / 10 for s in range(10)])
    assert found[10:] == pytest.approx([0.5 * (1 + math.cos(math.pi * s / 30)) for s in range(30)])
    assert found[-1] > 0


def test_a_constant_stays_constant():
    assert [schedule_factor("constant", s, 10, 0.2) for s in (0, 1, 2, 9)] == [0.5, 1, 1, 1]
    assert schedule_factor("cosine", 0, 1, 0.0) == 1


@given(
    st.sampled_from(["constant", "cosine"]), st.integers(1, 300), st.floats(0, 1, exclude_max=True)
)
def test_a_warm_up_in_epochs_is_that_share_of_the_steps(name, steps, share):
    expected = [schedule_factor(name, step, steps, share) for step in range(steps)]
    assert series(steps, schedule=name, warmup=share) == expected
    assert series(4 * steps, schedule=name, warmup_epochs=1) == series(
        4 * steps, schedule=name, warmup=0.25
    )


def test_the_rate_falls_after_the_milestones_as_torch_has_it():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 3], gamma=0.2)
    expected = []
    for _ in range(4):
        expected += 5 * [optimizer.param_groups[0]["lr"]]
        optimizer.step()
        scheduler.step()
    assert series(20, **STEPS) == pytest.approx(expected)


def test_a_step_schedule_can_start_warm():
    found = series(20, **STEPS, warmup_epochs=1)
    assert found[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert found[5:] == pytest.approx(series(20, **STEPS)[5:])
    assert series(20, **STEPS, warmup=0.25) == found


@given(st.integers(1, 12), st.integers(1, 7), st.data())
def test_a_milestone_is_an_exact_epoch_at_any_number_of_batches(epochs, batches, data):
    stone = data.draw(st.integers(1, epochs))
    found = series(
        epochs * batches, epochs=epochs, schedule="multistep", milestones=[stone], gamma=0.5
    )
    assert found == stone * batches * [1.0] + (epochs - stone) * batches * [0.5]


def test_the_plan_follows_the_schedule():
    plan = optimisation(RECIPE | STEPS, 8)(torch.nn.Linear(1, 1))
    optimizer, scheduler = plan["optimizer"], plan["lr_scheduler"]["scheduler"]
    rates = []
    for _ in range(8):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx([0.1 * f for f in series(8, **STEPS)])


def test_an_option_the_optimiser_does_not_have_is_named():
    wrong = RECIPE | {"optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1, "momentun": 0.9}}
    with pytest.raises(UsageError, match=r"torch.optim.SGD.*momentun"):
        optimisation(wrong, 8)(torch.nn.Linear(1, 1))


# What a recipe may say.


@pytest.mark.parametrize("name", choices("recipe"))
def test_every_recipe_that_ships_can_be_meant(name):
    recipe = yaml.safe_load(choices("recipe")[name].read_text())
    check_recipe(recipe)
    assert all(0 < f <= 1 for f in map(factors(recipe, recipe["epochs"] * 3), range(3)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": -1},
        {"epochs": 1.5},
        {"epochs": None},
        {"batch_size": 0},
        {"batch_size": "all"},
        {"warmup": 1.0},
        {"warmup": -0.1},
        {"warmup": "1 epoch"},
        {"warmup_epochs": -1},
        {"warmup_epochs": math.nan},
        {"schedule": "step"},
        {"precision": "8-bit"},
        {"gamma": 0.2},
        {"milestones": [1]},
    ],
)
def test_a_value_that_cannot_be_meant_is_named(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(UsageError) as caught:
        check_recipe(RECIPE | wrong)
    assert f"recipe.{name}={value}" in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"milestones": None},
        {"milestones": 2},
        {"milestones": [3, 2]},
        {"milestones": [2, 2]},
        {"milestones": [0]},
        {"milestones": [1.5]},
        {"gamma": 0},
        {"gamma": None},
        {"gamma": "fifth"},
    ],
)
def test_a_step_schedule_that_cannot_be_meant_is_named(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(UsageError) as caught:
        check_recipe(RECIPE | STEPS | wrong)
    assert f"recipe.{name}={value}" in str(caught.value)


@pytest.mark.parametrize("lr", [0, -0.1, math.inf, "fast", True])
def test_a_learning_rate_that_is_none_is_named(lr):
    with pytest.raises(UsageError, match=f"recipe.optimizer.lr={lr}"):
        check_recipe(RECIPE | {"optimizer": {"lr": lr}})


def test_two_warm_ups_are_one_too_many():
    with pytest.raises(UsageError, match=r"recipe.warmup=0.1 and warmup_epochs=1"):
        check_recipe(RECIPE | {"warmup": 0.1, "warmup_epochs": 1})


def test_an_unknown_key_is_named():
    with pytest.raises(UsageError, match=r"unknown key recipe.epoch; did you mean epochs\?"):
        check_recipe(RECIPE | {"epoch": 3})
    with pytest.raises(UsageError, match=r"unknown key recipe.xyz; there are: epochs, batch_size"):
        check_recipe(RECIPE | {"xyz": 3})
