"""A recipe: what it may say, and the learning rate it asks for at each step."""

import difflib
from bisect import bisect_right
from collections.abc import Callable, Mapping
from math import cos, isfinite, pi
from typing import Any

from mu.errors import UsageError
from mu.training.plateau import check_plateau

ALLOWED = {
    "schedule": ("constant", "cosine", "multistep"),
    "precision": ("32-true", "bf16-mixed", "16-mixed"),
}
KEYS = (
    *("epochs", "batch_size", "optimizer", "schedule", "warmup", "warmup_epochs", "milestones"),
    *("gamma", "augment", "precision", "channels_last", "threads", "checkpoint", "fit"),
    *("checkpoint_skip", "plateau"),
)


def check_recipe(recipe: Mapping[str, Any]) -> None:
    """Refuse a recipe before anything is trained with it.

    Raises:
        UsageError: A key that no recipe has, or a value that cannot be meant.

    Example:
        >>> check_recipe({"epochs": 3, "batch_size": 64, "optimizer": {}, "shedule": "cosine"})
        Traceback (most recent call last):
        mu.errors.UsageError: unknown key recipe.shedule; did you mean schedule?
    """
    for key in recipe:
        if key not in KEYS:
            near = difflib.get_close_matches(str(key), KEYS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(KEYS)}"
            raise UsageError(f"unknown key recipe.{key}; {hint}")
    epochs, size = recipe["epochs"], recipe["batch_size"]
    if not _is_count(epochs):
        raise UsageError(f"recipe.epochs={epochs} is not a number of epochs (0, 1, 2, …)")
    if size is not None and not (_is_count(size) and size):
        raise UsageError(f"recipe.batch_size={size} is not a number of samples; null means all")
    for name, allowed in ALLOWED.items():
        if recipe.get(name, allowed[0]) not in allowed:
            raise UsageError(f"recipe.{name}={recipe[name]} is not one of {', '.join(allowed)}")
    lr: Any = (recipe.get("optimizer") or {}).get("lr", 1.0)
    if not (_is_number(lr) and lr > 0):
        raise UsageError(f"recipe.optimizer.lr={lr} is not a positive number")
    _check_warmup(recipe)
    _check_milestones(recipe)
    check_plateau(recipe.get("plateau"))
    if recipe.get("plateau") and recipe.get("schedule", "constant") != "constant":
        raise UsageError(f"recipe.schedule={recipe['schedule']}: with plateau it must be constant")


def _check_warmup(recipe: Mapping[str, Any]) -> None:
    share, epochs = recipe.get("warmup", 0.0), recipe.get("warmup_epochs", 0)
    if not (_is_number(share) and 0 <= share < 1):
        raise UsageError(f"recipe.warmup={share} is not a share of the steps in [0, 1)")
    if not (_is_number(epochs) and epochs >= 0):
        raise UsageError(f"recipe.warmup_epochs={epochs} is not a number of epochs")
    if share and epochs:
        raise UsageError(f"recipe.warmup={share} and warmup_epochs={epochs}: give one of them")


def _check_milestones(recipe: Mapping[str, Any]) -> None:
    stones: Any = recipe.get("milestones")
    gamma: Any = recipe.get("gamma")
    if recipe.get("schedule") != "multistep":
        for name, value in {"milestones": stones, "gamma": gamma}.items():
            if value is not None:
                raise UsageError(f"recipe.{name}={value} is for schedule=multistep")
        return
    if (
        not isinstance(stones, list | tuple)
        or not all(_is_count(s) and s for s in stones)
        or list(stones) != sorted(set(stones))
    ):
        raise UsageError(f"recipe.milestones={stones} is not a list of rising numbers of epochs")
    if not (_is_number(gamma) and gamma > 0):
        raise UsageError(f"recipe.gamma={gamma} is not a positive factor")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def schedule_factor(name: str, step: int, steps: int, warmup: float) -> float:
    """Learning-rate factor: linear warm-up over a share of the steps, then constant or cosine.

    Example:
        >>> [round(schedule_factor("cosine", s, 10, 0.2), 2) for s in (0, 1, 2, 6, 9)]
        [0.5, 1.0, 1.0, 0.5, 0.04]
    """
    ramp = round(warmup * steps)
    if step < ramp:
        return (step + 1) / ramp
    if name == "constant":
        return 1.0
    return 0.5 * (1 + cos(pi * (step - ramp) / max(steps - ramp, 1)))


def multistep_factor(done: float, milestones: list[int], gamma: float) -> float:
    """``gamma`` to the number of milestones that ``done`` epochs have reached.

    Example:
        >>> [round(multistep_factor(e, [2, 4], 0.2), 3) for e in (0, 1.9, 2, 3, 4, 5)]
        [1.0, 1.0, 0.2, 0.2, 0.04, 0.04]
    """
    return float(gamma ** bisect_right(milestones, done))


def factors(recipe: Mapping[str, Any], steps: int) -> Callable[[int], float]:
    """The learning-rate factor of each of ``steps`` steps.

    ``warmup`` is a share of the steps, ``warmup_epochs`` a number of epochs; the multistep schedule
    multiplies by ``gamma`` after each of ``milestones`` finished epochs, whether warm or not.

    Example:
        >>> recipe = {"epochs": 4, "schedule": "multistep", "milestones": [2], "gamma": 0.5}
        >>> factor = factors(recipe | {"warmup_epochs": 1}, steps=8)
        >>> [factor(step) for step in range(8)]
        [0.5, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5]
    """
    name, warmup = recipe.get("schedule", "constant"), recipe.get("warmup", 0.0)
    epochs = max(recipe["epochs"], 1)
    if recipe.get("warmup_epochs"):
        warmup = min(recipe["warmup_epochs"] / epochs, 1.0)
    if name != "multistep":
        return lambda step: schedule_factor(name, step, steps, warmup)
    a_epoch = steps / epochs

    def factor(step: int) -> float:
        drop = multistep_factor(step / a_epoch, recipe["milestones"], recipe["gamma"])
        return drop * schedule_factor("constant", step, steps, warmup)

    return factor


def optimisation(recipe: Mapping[str, Any], steps: int) -> Callable[[Any], dict[str, Any]]:
    """What `Learner.configure_optimizers` returns under a recipe of ``steps`` steps.

    Raises:
        UsageError: The optimiser does not take an argument, or cannot be found.
    """

    def plan(learner: Any) -> dict[str, Any]:
        from torch.optim.lr_scheduler import LambdaLR

        from mu.data.build import build

        trained = [p for p in learner.parameters() if p.requires_grad]
        optimizer = build(recipe["optimizer"], params=trained, _convert_="all")
        scheduler = LambdaLR(optimizer, factors(recipe, steps))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    return plan
