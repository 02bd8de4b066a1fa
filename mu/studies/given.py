"""What a caller in Python gives, as the words and rows that the command line knows."""

import inspect
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from mu.configuration.words import ALIASES, FILTERS, PLAIN, parse_words
from mu.errors import UsageError
from mu.running.code import SCRIPT
from mu.running.live import edited_since_import
from mu.running.signatures import plain_number

if TYPE_CHECKING:
    from mu.unlearning.base import Unlearner

PLAIN_WORD = re.compile(r"[A-Za-z_./][\w./-]*")
Rows = dict[str, dict[str, Any]]


def words_given(settings: Mapping[str, Any]) -> list[str]:
    """``key=value`` words of keyword arguments.

    Args:
        settings: Key → value; a mapping stands for the keys below it.

    Raises:
        UsageError: A value that no word says.

    Example:
        >>> words_given({"seeds": 3, "recipe": {"epochs": 2}, "recipe.augment": None})
        ['seeds=3', 'recipe.epochs=2', 'recipe.augment=null']
    """
    found = []
    for key, value in _flat(settings):
        word = f"{key}={_text(key, value)}"
        name = ALIASES.get(key, key)
        read = parse_words([word]).get(name)
        if read != value and not (key == "seed" and read == [value]) and name not in PLAIN:
            same = name in FILTERS and str(read) == str(value)
            if not same:
                raise UsageError(f"{key}={value!r} cannot be said as a word")
        found.append(word)
    return found


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", list(value) if isinstance(value, tuple) else value


def _text(key: str, value: Any) -> str:
    """A value in Hydra's grammar; of some keys it is text as it stands."""
    name = ALIASES.get(key, key)
    if name in PLAIN and isinstance(value, str | Path):
        return str(value)
    if name in FILTERS and isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value)
    if isinstance(value, str | Path):
        text = str(value)
        plain = PLAIN_WORD.fullmatch(text) and text.lower() not in ("null", "true", "false", "nan")
        return text if plain else _quoted(text)
    if isinstance(value, list | tuple):
        return "[" + ",".join(_text("", one) for one in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{k}:{_text('', v)}" for k, v in value.items()) + "}"
    if (plain := plain_number(value)) is not value:
        return _text(key, plain)
    raise UsageError(f"{key}={value!r}: numbers, words, lists and mappings of them are due")


def _quoted(text: str) -> str:
    """Text in quotes, as Hydra reads it: a backslash says something before a quote only."""
    inner = re.sub(r"(\\*)'", lambda found: found[1] * 2 + "\\'", text)
    return "'" + re.sub(r"(\\+)$", lambda found: found[1] * 2, inner) + "'"


def rows_given(methods: Any) -> tuple[list[str], Rows]:
    """Names of the rows that are asked for, and those that name their options themselves.

    Args:
        methods: ``"a,b"``, or a list of names, `Unlearner` objects and mappings as in an
            experiment file (``{row: {"method": name, "option": value}}``); or one such mapping,
            whose values may be objects.

    Raises:
        UsageError: Something else, or two rows of one name.
    """
    entries = methods.split(",") if isinstance(methods, str) else methods
    if is_method(entries) or isinstance(entries, Mapping):
        entries = [entries]
    if not isinstance(entries, Iterable):
        raise UsageError(f"methods={methods!r}: names, methods with their options, or a mapping")
    names: list[str] = []
    own: Rows = {}
    for entry in entries:
        if isinstance(entry, type):
            raise UsageError(f"{entry.__name__} is a class: hand over {entry.__name__}(…)")
        if isinstance(entry, str):
            names.append(entry)
            continue
        if is_method(entry):
            entry = {_free(type(entry).__name__, names): entry}
        if not isinstance(entry, Mapping):
            raise UsageError(f"methods: {entry!r} is neither a name nor a method")
        for name, options in entry.items():
            own[name] = configuration_of(options) if is_method(options) else dict(options)
            names.append(name)
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"methods: the row {name} is there twice")
    return names, own


def is_method(given: object) -> "TypeGuard[Unlearner]":
    """Whether it is a method; without torch, which a run out of the store does not need."""
    base = sys.modules.get("mu.unlearning.base")
    return base is not None and isinstance(given, base.Unlearner)


def _free(name: str, taken: list[str]) -> str:
    number = 2
    found = name
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    return found


def configuration_of(method: "Unlearner") -> dict[str, Any]:
    """The configuration that makes a method anew: its class, and what its constructor was given.

    Raises:
        UsageError: Its class is not found by its name, it was made with something that no
            configuration can hold, or it was changed since.

    Example:
        >>> from mu.unlearning.gradient_ascent import GradientAscent
        >>> configuration_of(GradientAscent(epochs=2, lr=0.1))
        {'_target_': 'mu.unlearning.gradient_ascent.GradientAscent', 'epochs': 2, 'lr': 0.1}
    """
    kind = type(method)
    target = f"{kind.__module__}.{kind.__qualname__}"
    if found_by_name(kind) is not kind:
        where = "the notebook" if kind.__module__ == SCRIPT else "its module"
        raise UsageError(
            f"{target} is not the class of {kind.__name__}(…): define the class at the top level "
            f"of {where}, and make the method anew after the class was defined anew"
        )
    if edited_since_import(kind):
        raise UsageError(
            f"the file of {target} has changed since it was imported: reload the module "
            "(importlib.reload) and make the method anew, or start Python anew"
        )
    positional, named = method.made_with
    given = inspect.signature(kind).bind(*positional, **named)
    options: dict[str, Any] = {}
    for name, value in given.arguments.items():
        many = given.signature.parameters[name].kind
        if many is inspect.Parameter.VAR_POSITIONAL:
            raise UsageError(f"{kind.__name__} takes *{name}, which no configuration can name")
        options |= value if many is inspect.Parameter.VAR_KEYWORD else {name: value}
    for name, value in options.items():
        if not _is_plain(value):
            raise UsageError(
                f"{kind.__name__}({name}=…) holds a {type(value).__name__}: an experiment keeps "
                "results by what decides them, so a method is made of numbers, words, lists and "
                "mappings of these"
            )
    refuse_changed(method, kind(*positional, **named))
    return {"_target_": target, **json.loads(json.dumps(options))}


def refuse_changed(method: "Unlearner", anew: "Unlearner") -> None:
    """Refuse a method that differs from one made with the same arguments.

    Raises:
        UsageError: Naming the attribute.
    """
    now = vars(method)
    for name, value in vars(anew).items():
        if name.startswith("_") or name in ("training", "made_with") or not _is_plain(value):
            continue
        if now.get(name) != value:
            raise UsageError(
                f"{type(method).__name__}.{name} was set to {now.get(name)!r} after it was made "
                f"with {value!r}; give it to the constructor, which is run again for each pair"
            )


def found_by_name(kind: type) -> Any:
    """What stands where a class says that it stands; None where nothing does."""
    found: Any = sys.modules.get(kind.__module__)
    for name in kind.__qualname__.split("."):
        found = getattr(found, name, None)
    return found


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_plain(v) for k, v in value.items())
    return value is None or isinstance(value, str | bool | int | float)
