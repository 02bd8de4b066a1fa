"""The requests of a block: who is to be forgotten, once or several times in a row."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mu.configuration.choices import options_of, unknown
from mu.configuration.compose import choice, complete, composed, interpolated
from mu.configuration.settings import Settings
from mu.configuration.words import check_type, count_of
from mu.data.listing import ENDINGS, PICKLES
from mu.errors import UsageError

TRIED = {"lower", "method"}  # options of a request that name a method which a selector tries


def requests_of(
    written: Mapping[str, Any], wanted: Sequence[str] | None, settings: Settings
) -> dict[str, list[dict[str, Any]]]:
    """Configurations of the requests of a block that are wanted, each a list of those in a row.

    Args:
        written: Name → request, or a list of them, as the block has them.
        wanted: Names; None: all.
        settings: Of the block.

    Raises:
        UsageError: A request has no kind, an option that is wrong, or a name that no file can have.
    """
    for name in written:
        if not str(name).isprintable() or set("/\\") & set(str(name)) or str(name).startswith("."):
            raise UsageError(
                f"a request is called {name!r}; files are named after it: no /, no dot first"
            )
    return {
        name: [request_of(part, settings) for part in repeated(name, given)]
        for name, given in written.items()
        if wanted is None or name in wanted
    }


def selector_of(request: Any) -> str:
    """Name of the selector of a request, the first where there are several in a row."""
    first = request[0] if isinstance(request, list) else request
    return str(first["request"])


def repeated(name: str, given: Any) -> list[Any]:
    """The requests of a row: one, or a list in which ``repeat: n`` stands for n of them in a row.

    Raises:
        UsageError: Something else than a number of times.

    Example:
        >>> repeated("some", [{"request": "random", "count": 1, "repeat": 2}, {"request": "class"}])
        [{'request': 'random', 'count': 1}, {'request': 'random', 'count': 1}, {'request': 'class'}]
    """
    found = []
    for part in given if isinstance(given, list) else [given]:
        times = part.get("repeat", 1) if isinstance(part, dict) else 1
        if count_of(f"{name}: repeat", times) < 1:
            raise UsageError(f"{name}: repeat={times} asks for nothing")
        one = {k: v for k, v in part.items() if k != "repeat"} if isinstance(part, dict) else part
        found += [one] * times
    return found


def files_of(words: Sequence[str]) -> dict[str, Any]:
    """Requests by files of ids, ``requests=ids.txt``: name → request.

    Raises:
        UsageError: There is no such file, or two of one name.
    """
    files = [word for word in words if is_file(word)]
    for file in files:
        if not Path(file).is_file():
            raise UsageError(f"there is no file of ids {file}")
    found = {Path(file).stem: {"request": "ids", "path": file} for file in files}
    if len(found) < len(set(files)):
        raise UsageError(
            f"requests={','.join(files)}: files of ids are told apart by their names, without "
            "folder and ending; rename one"
        )
    return found


def is_file(word: str) -> bool:
    """Whether a word for a request is the path of a file of ids, there or not."""
    ending = Path(word).suffix.lower()
    return ending in (*ENDINGS, *PICKLES) or bool(ending and os.path.isfile(word))


def names_of(words: Sequence[str], known: Sequence[str]) -> list[str]:
    """Names of the requests that words choose, a file's without folder and ending.

    Raises:
        UsageError: One is not known.
    """
    names = [Path(word).stem if is_file(word) else word for word in words]
    for name in names:
        if name not in known:
            raise unknown("request", name, known)
    return names


def request_of(written: Any, settings: Settings) -> dict[str, Any]:
    """A request's configuration; ``per_pair`` maps an argument to the values dealt out to pairs.

    Raises:
        UsageError: It has no kind, or an option that is wrong.
    """
    if not isinstance(written, dict) or "request" not in written:
        raise UsageError(f"a request must name its kind as 'request: …', not {written!r}")
    own = {k: v for k, v in written.items() if k not in ("request", "per_pair")}
    own = {k: {"method": v} if k in TRIED and isinstance(v, str) else v for k, v in own.items()}
    kind, per_pair = written["request"], written.get("per_pair", {})
    known = choice("request", kind)
    for key in (*own, *per_pair):
        if key not in known["request"]:
            raise unknown("request option", key, [k for k in known["request"] if k != "_target_"])
    for key, values in per_pair.items():
        if not isinstance(values, list) or not values:
            raise UsageError(f"per_pair: {key} must be a list, one value a pair, not {values!r}")
    chosen = interpolated(Settings({f"request.{k}": v for k, v in own.items()}).into(known))
    found = settings.options("request", chosen["request"])
    dealt = {k: v for k, v in per_pair.items() if f"request.{k}" not in settings.values}
    for name in TRIED & set(found):
        found[name] = tried_method(name, found[name])
    if isinstance(found.get("surrogate"), dict):
        found["surrogate"] = surrogate(found["surrogate"])
    complete({k: v for k, v in found.items() if k not in dealt}, "the request", "request")
    return found | ({"per_pair": dealt} if dealt else {})


def tried_method(name: str, given: Any) -> dict[str, Any]:
    """The options of a method that a selector tries, from ``{method: name, option: …}``.

    Raises:
        UsageError: No method, or an option that it does not have.
    """
    if not isinstance(given, dict) or "method" not in given:
        raise UsageError(f"{name} must name a method, as in {name}: {{method: finetune}}")
    own = dict(given)
    base = str(own.pop("method"))
    whole = options_of(composed({"method": base})["method"])
    for key, value in own.items():
        if key not in whole:
            raise unknown(f"option of {base}", key, whole)
        check_type(f"{name}.{key}", whole[key], value)
    complete(whole | own, f"method {base}", "method")
    return whole | own


def surrogate(given: dict[str, Any]) -> dict[str, Any]:
    """Configuration of the models that select, where they are not those that are scored.

    Raises:
        UsageError: It names something else than a model or a recipe.
    """
    for key in given:
        if key not in ("model", "recipe"):
            raise unknown("key of surrogate", key, ["model", "recipe"])
    return composed({k: str(v) for k, v in given.items()})
