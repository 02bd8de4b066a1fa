"""What a recipe leaves out, and what none may."""

from collections.abc import Mapping
from typing import Any

from mu.errors import UsageError

DEFAULTS: dict[str, Any] = {
    "augment": None,
    "precision": "32-true",
    "channels_last": False,
    "threads": 1,
    "checkpoint": None,
}
ELSEWHERE = {"epochs": 1, "batch_size": None, "optimizer": None}  # where a step trains in its way


def filled(name: str, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe with the defaults of the keys it does not have, so that every step finds them.

    Args:
        name: For messages.
        recipe: As it is written.

    Raises:
        UsageError: It lacks what training cannot do without.

    Example:
        >>> filled("mine", {"epochs": 2, "batch_size": 8, "optimizer": {}})["precision"]
        '32-true'
    """
    fit = recipe.get("fit")
    own = isinstance(fit, Mapping) and bool({"step", "training"} & set(fit))
    whole = DEFAULTS | (ELSEWHERE if own else {}) | dict(recipe)
    for key in ELSEWHERE:
        if key not in whole:
            raise UsageError(f"recipe {name} has no {key}; write {key}: … into it")
    return whole
