"""What a method's YAML lets ``mu tune`` vary."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mu.configuration.choices import unknown
from mu.errors import UsageError

if TYPE_CHECKING:
    from optuna import Trial

KEYS = ("low", "high", "log", "int", "choices")


def check_space(method: str, config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The ``search`` section of a method's YAML.

    Args:
        method: Its name, for messages.
        config: The whole YAML.

    Raises:
        UsageError: An option that the method does not have, or a range that is none.

    Example:
        >>> check_space("m", {"lr": 0.1, "search": {"lr": {"low": 0.01, "high": 1, "log": True}}})
        {'lr': {'low': 0.01, 'high': 1, 'log': True}}
    """
    space = config.get("search") or {}
    for option, given in space.items():
        if option not in config:
            raise unknown(f"option of {method} under search", option, config)
        if not isinstance(given, dict):
            raise UsageError(f"{method}: search.{option} must be a mapping, not {given!r}")
        for key in given:
            if key not in KEYS:
                raise unknown(f"key of search.{option} of {method}", key, KEYS)
        if "choices" not in given and not ("low" in given and "high" in given):
            raise UsageError(f"{method}: search.{option} needs low and high, or choices")
    return dict(space)


def suggested(trial: "Trial", space: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One value for each option of a space, drawn by Optuna."""
    return {option: _one(trial, option, given) for option, given in space.items()}


def _one(trial: "Trial", option: str, given: Mapping[str, Any]) -> Any:
    if "choices" in given:
        return trial.suggest_categorical(option, given["choices"])
    bounds, log = (given["low"], given["high"]), bool(given.get("log"))
    if given.get("int"):
        return trial.suggest_int(option, *bounds, log=log)
    return trial.suggest_float(option, *bounds, log=log)


def starting_point(
    config: Mapping[str, Any], space: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Defaults of the options that are searched, where the space holds them."""
    found = {}
    for option, given in space.items():
        value = config[option]
        if "choices" in given:
            inside = value in given["choices"]
        else:
            inside = value is not None and given["low"] <= value <= given["high"]
        if inside:
            found[option] = value
    return found
