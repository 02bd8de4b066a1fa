"""Which models a request needs, read from its configuration before anything is trained."""

from typing import Any

from mu.errors import UsageError
from mu.forget_sets.budget import check_budget, check_order


def check_models(number: object, name: str = "models") -> int:
    """Number of models trained on everything kept.

    Raises:
        UsageError: It is not a whole number above 0.
    """
    if type(number) is not int or number < 1:
        raise UsageError(f"{name}={number!r} is not a number of models; use 1 or more")
    return number


def check_halves(number: object) -> int:
    """Number of models trained on random halves; even, since a half comes with its complement.

    Raises:
        UsageError: It is not an even number above 0.
    """
    if type(number) is not int or number < 2 or number % 2:
        raise UsageError(f"halves={number!r} is not an even number of models; use 2, 4, 6 …")
    return number


def check_folds(number: object) -> int:
    """Number of parts, each of which one model is trained without.

    Raises:
        UsageError: It is not a whole number above 1.
    """
    if type(number) is not int or number < 2:
        raise UsageError(f"folds={number!r} is not a number of parts; use 2 or more")
    return number


CHECKS = {"models": check_models, "halves": check_halves, "folds": check_folds}


def wants(config: dict[str, Any]) -> dict[str, int]:
    """Which models a request reads and how many, from its YAML alone.

    ``models`` are trained on everything kept, ``halves`` on random halves of it, ``folds`` each on
    all but one part of it: their signals are read. ``learners`` are trained on everything kept and
    handed over themselves.

    Args:
        config: The request's configuration.

    Returns:
        Number by option; those of which only signals are read come first.

    Raises:
        UsageError: Two of the first three, a number that is none, or, since models would be trained
            in vain, a wrong order or budget.

    Example:
        >>> wants({"order": "lowest", "share": 0.1, "count": None, "models": 2})
        {'models': 2}
        >>> wants({"share": 0.1})
        {}
    """
    found = {name: check(config[name]) for name, check in CHECKS.items() if name in config}
    if len(found) > 1:
        raise UsageError(f"a request takes either {' or '.join(found)}")
    if "learners" in config:
        found["learners"] = check_models(config["learners"], "learners")
    if not found:
        return {}
    if "order" in config:
        check_order(config["order"])
    if {"share", "count"} <= set(config):
        check_budget(config["share"], config["count"])
    return found
