"""Which models a request needs, read from its configuration before anything is trained."""

from typing import Any

from mu.errors import UsageError
from mu.forget_sets.budget import check_budget
from mu.forget_sets.extremes import check_order


def check_models(number: object) -> int:
    """Number of models trained on everything kept.

    Raises:
        UsageError: It is not a whole number above 0.
    """
    if type(number) is not int or number < 1:
        raise UsageError(f"models={number!r} is not a number of models; use 1 or more")
    return number


def check_halves(number: object) -> int:
    """Number of models trained on random halves; even, since a half comes with its complement.

    Raises:
        UsageError: It is not an even number above 0.
    """
    if type(number) is not int or number < 2 or number % 2:
        raise UsageError(f"halves={number!r} is not an even number of models; use 2, 4, 6 …")
    return number


def wants(config: dict[str, Any]) -> tuple[str, int]:
    """What a selector's ``wants`` says and how many models, from its YAML alone.

    A request whose YAML has the option ``models`` reads that many models trained on everything
    kept; with ``halves`` it reads models trained on random halves of it. Anything else reads none.

    Args:
        config: The request's configuration.

    Returns:
        ``("", 0)``, ``("trained", k)`` or ``("halves", k)``.

    Raises:
        UsageError: Both, a number that is none, or, since models would be trained in vain, a wrong
            order or budget.

    Example:
        >>> wants({"order": "lowest", "share": 0.1, "count": None, "models": 2})
        ('trained', 2)
        >>> wants({"share": 0.1})
        ('', 0)
    """
    found = [name for name in ("models", "halves") if name in config]
    if not found:
        return "", 0
    if len(found) == 2:
        raise UsageError("a request takes either models or halves")
    if "order" in config:
        check_order(config["order"])
    if {"share", "count"} <= set(config):
        check_budget(config["share"], config["count"])
    if found == ["halves"]:
        return "halves", check_halves(config["halves"])
    return "trained", check_models(config["models"])
