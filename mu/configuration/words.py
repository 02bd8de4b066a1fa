"""``key=value`` words: read, split and held against the type of what they replace."""

import math
from collections.abc import Sequence
from typing import Any

from mu.errors import UsageError

NAMES = {
    "str": "a word",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping",
}
FILTERS = ("methods", "requests", "seeds", "oracles")
NULL = "null"  # the key of a block, and the row that it turns off
# Keys whose value is text as it stands.
PLAIN = ("out", "experiment", "original", "method.weights", "scale", "mode", "compare")
ALIASES = {"method": "methods", "request": "requests", "seed": "seeds", "weights": "method.weights"}
LARGEST_SEED = 99_999  # seeds of oracles are 10 000 times larger and must fit 32 bits


def spelled_out(words: Sequence[str]) -> list[str]:
    """Words in which a name that stands alone becomes ``experiment=NAME``.

    Raises:
        UsageError: Two experiments are named, or a word begins with a dash.

    Example:
        >>> spelled_out(["quickstart", "seeds=2"])
        ['experiment=quickstart', 'seeds=2']
    """
    for word in words:
        if word.startswith("-"):
            raise UsageError(f"{word!r}: keys are given without dashes, as in seeds=3; see --help")
    bare = [word for word in words if word and "=" not in word]
    named = bare + [word.partition("=")[2] for word in words if word.startswith("experiment=")]
    if bare and len(named) > 1:
        both = " and ".join(map(repr, named[:2]))
        raise UsageError(f"{both} both name an experiment; all other words are key=value")
    return [f"experiment={word}" if word in bare else word for word in words]


def parse_words(words: Sequence[str]) -> dict[str, Any]:
    """``key=value`` words in Hydra's grammar as a dictionary.

    ``method``, ``request`` and ``seed`` stand for one of their plurals, ``weights`` for
    ``method.weights``.

    Raises:
        UsageError: A word is not of that form, or a key is given twice.

    Example:
        >>> parse_words(["recipe.epochs=3", "methods=[ssd,finetune]"])
        {'recipe.epochs': 3, 'methods': ['ssd', 'finetune']}
    """
    found: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise UsageError(f"{word!r} is not of the form key=value")
        if key == "seed":  # one pair, where seeds=3 means three
            text = f"[{text}]"
        key = ALIASES.get(key, key)
        if key in found:
            raise UsageError(f"{key} is given twice")
        if key in PLAIN or (key in FILTERS and not text.startswith("[")):
            found[key] = text
            continue
        found[key] = _value(f"{key}={text}", word)
    return found


def _value(override: str, word: str) -> Any:
    """The value of an override in Hydra's grammar; ``word`` is how it was given."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        found = OverridesParser.create().parse_override(override).value()
    except HydraException as error:
        raise UsageError(f"{word!r} cannot be read; quote it as 'key=\"value\"'") from error
    if found.__class__.__module__.startswith("hydra"):
        raise UsageError(f"{word!r} is a sweep; give one value, or a list in [brackets]")
    return found


def check_type(key: str, old: object, new: object) -> None:
    """A value must be of the type of the one it replaces; nothing, ``???``, ``auto`` take any."""
    if isinstance(new, float) and not math.isfinite(new):
        raise UsageError(f"{key}={new} is not a finite number")
    if old in (None, "???", "auto") or new is None:
        return
    if hasattr(old, "keys"):
        wanted: tuple[type, ...] = (dict,)
    elif isinstance(old, Sequence) and not isinstance(old, str):
        wanted = (list,)
    else:
        wanted = (float, int) if isinstance(old, float) else (type(old),)
    if not isinstance(new, wanted) or (isinstance(new, bool) and bool not in wanted):
        found, name = type(new).__name__, wanted[0].__name__
        raise UsageError(f"{key}={new!r} is {NAMES.get(found, found)}; it takes {NAMES[name]}")


def words_of(value: object) -> list[str]:
    """``a,b`` or a list as a list of words; nothing as none."""
    if value is None:
        return []
    return [str(v) for v in value] if isinstance(value, list) else str(value).split(",")


def placed(path: str, pair: int, request: str, step: int) -> str:
    """A path with its placeholders filled: pair from 0, name of the request, step from 1.

    Example:
        >>> placed("{request}_{pair}.pt", 2, "class", 1)
        'class_2.pt'
    """
    for name, value in {"pair": pair, "request": request, "step": step}.items():
        path = path.replace(f"{{{name}}}", str(value))
    return path


def count_of(key: str, value: object) -> int:
    """A whole number that is not negative."""
    try:
        number = int(str(value))
    except ValueError:
        raise UsageError(f"{key}={value} is not a whole number") from None
    if number < 0:
        raise UsageError(f"{key}={value} is negative")
    return number


def seeds_of(value: object) -> list[int]:
    """``3`` means the pairs 0, 1, 2; a list (``0,4`` or ``[0,4]``) means those."""
    seeds = [count_of("seeds", word) for word in words_of(value)]
    if any(seed > LARGEST_SEED for seed in seeds):
        raise UsageError(f"seeds={value} goes beyond {LARGEST_SEED}")
    if len(seeds) == 1 and not isinstance(value, list):
        seeds = list(range(seeds[0]))
    if not seeds:
        raise UsageError(f"seeds={value}: at least one pair is needed")
    if len(set(seeds)) != len(seeds):
        raise UsageError(f"seeds={value} names a seed twice")
    return seeds
