"""Which models a request needs, read from its configuration before anything is trained."""

from typing import Any

from mu.errors import UsageError
from mu.forget_sets.budget import check_budget, check_order

LEAST = {"models": 1, "halves": 2, "folds": 2, "learners": 1}
RULES = {
    "models": "a number of models; use 1 or more",
    "halves": "an even number of models; use 2, 4, 6 …",
    "folds": "a number of parts; use 2 or more",
    "learners": "a number of models; use 1 or more",
}


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
    found = {name: config[name] for name in LEAST if name in config}
    for name, number in found.items():
        whole = type(number) is int and number >= LEAST[name]
        if not whole or (name == "halves" and number % 2):  # a half comes with its complement
            raise UsageError(f"{name}={number!r} is not {RULES[name]}")
    if len(several := [name for name in found if name != "learners"]) > 1:
        raise UsageError(f"a request takes either {' or '.join(several)}")
    if not found:
        return {}
    if "order" in config:
        check_order(config["order"])
    if {"share", "count"} <= set(config):
        check_budget(config["share"], config["count"])
    return found
