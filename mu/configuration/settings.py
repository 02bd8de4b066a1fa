"""What is set beside the choices: by a block, by a variant of an experiment, by words."""

from collections.abc import Mapping
from typing import Any

from mu.configuration.words import check_type
from mu.errors import UsageError

Dotted = Mapping[str, Any]


class Settings:
    """Dotted keys with values; a configuration takes those whose keys it has.

    Args:
        own: What a block sets; each key must be one that the block has.
        lenient: What a variant sets, where there is such a key; wins over ``own``.
        words: What the command line sets; wins over both.
    """

    def __init__(
        self, own: Dotted, lenient: Dotted | None = None, words: Dotted | None = None
    ) -> None:
        self.own = own
        self.values: dict[str, Any] = {**own, **(lenient or {}), **(words or {})}
        self.used: set[str] = set()  # keys that some configuration had

    def into(
        self, config: dict[str, Any], under: Dotted | None = None, over: Dotted | None = None
    ) -> dict[str, Any]:
        """A configuration with the values whose keys it has; the one given stays as it is.

        Args:
            config: Nested mappings.
            under: More values, which the settings win over.
            over: More values, which win over the settings.

        Raises:
            UsageError: A value is not of the type of what it replaces.

        Example:
            >>> Settings({"a.b": 1, "a.c": 2}).into({"a": {"b": 0}}, over={"a.b": 3})
            {'a': {'b': 3}}
        """
        for key, value in {**(under or {}), **self.values, **(over or {})}.items():
            path = key.split(".")
            if has(config, path):
                self.used.add(key)
                check_type(key, value_at(config, path), value)
                config = replaced(config, path, value)
        return config

    def options(self, group: str, known: dict[str, Any]) -> dict[str, Any]:
        """The options of one choice with what is set of them, whole options only.

        Raises:
            UsageError: A value is not of the type of what it replaces.
        """
        found = dict(known)
        for key, value in self.values.items():
            name = key.removeprefix(f"{group}.")
            if name != key and name in known:
                self.used.add(key)
                check_type(key, known[name], value)
                found[name] = value
        return found

    def unused(self) -> list[str]:
        """Keys of the block itself that no configuration had."""
        return [key for key in self.own if key not in self.used]


def has(config: Any, path: list[str]) -> bool:
    """Whether a key is there, set or still missing (???)."""
    for part in path:
        if not isinstance(config, dict) or part not in config:
            return False
        config = config[part]
    return True


def value_at(config: Any, path: list[str]) -> Any:
    """The value of a key; of an interpolation what it stands for.

    Raises:
        UsageError: It stands for nothing.
    """
    found = config
    for part in path:
        found = found[part]
    if not isinstance(found, str) or not has_interpolation(found):
        return found
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return OmegaConf.select(OmegaConf.create(config), ".".join(path))
    except OmegaConfBaseException as error:
        raise UsageError(" ".join(str(error).split())) from error


def replaced(config: dict[str, Any], path: list[str], value: object) -> dict[str, Any]:
    """A configuration with another value; what does not change is shared with the one given.

    Example:
        >>> replaced({"a": {"b": 1, "c": 2}}, ["a", "b"], 3)
        {'a': {'b': 3, 'c': 2}}
    """
    first, *rest = path
    return config | {first: replaced(config[first], rest, value) if rest else value}


def has_interpolation(config: object) -> bool:
    """Whether a value anywhere in a configuration stands for another one (``${…}``)."""
    return "${" in str(config)
