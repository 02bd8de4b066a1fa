"""What there is to choose from: the YAML files of each group, and errors that name the nearest."""

import difflib
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mu.errors import UsageError

DEEPEST, MOST = 30, 100_000  # levels and values of a YAML file


def config_folders() -> list[Path]:
    """``MU_CONFIGS`` (yours, first) and the folder that ships with mu.

    Raises:
        UsageError: A folder of ``MU_CONFIGS`` is not there.
    """
    package = Path(__file__).parents[1]
    packaged = package / "configs"
    shipped = packaged if packaged.is_dir() else package.parent / "configs"
    own = [Path(p) for p in os.environ.get("MU_CONFIGS", "").split(os.pathsep) if p]
    for folder in own:
        if not folder.is_dir():
            raise UsageError(f"MU_CONFIGS: there is no folder {folder}")
    return [*(p.absolute() for p in own), shipped]


def choices(group: str) -> dict[str, Path]:
    """Name → file of every choice of a group; your own hide shipped ones of the same name."""
    found: dict[str, Path] = {}
    for folder in reversed(config_folders()):
        found |= {path.stem: path for path in sorted((folder / group).glob("*.yaml"))}
    return dict(sorted(found.items()))


def read_yaml(path: Path) -> dict[str, Any]:
    """Content of a YAML file.

    Raises:
        UsageError: It cannot be read, is not YAML, or holds no mapping of plain values.
    """
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, ValueError) as error:
        raise UsageError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise UsageError(f"{path} is nested too deep") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path} holds no mapping")
    check_yaml(found, path)
    return found


def check_yaml(content: object, path: Path) -> None:
    """Refuse what YAML can hold and no configuration does, before somebody stumbles over it.

    Raises:
        UsageError: A number that is none, a value that is no text, number, list or mapping, a key
            that is no word, or too many values (an alias may stand for more than a file can hold).
    """
    left = [(content, 0)]
    for _ in range(MOST):
        if not left:
            return
        value, depth = left.pop()
        if depth > DEEPEST:
            break
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str | int | None):
                    raise UsageError(f"{path} has the key {key!r}; keys are words")
            left += [(one, depth + 1) for one in value.values()]
        elif isinstance(value, list):
            left += [(one, depth + 1) for one in value]
        elif isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{path} has {value}, which is not a finite number")
        elif not isinstance(value, str | int | float | None):
            raise UsageError(f"{path} has {value!r} ({type(value).__name__}); write it in quotes")
    raise UsageError(f"{path} is nested too deep, or holds too many values")


def first_comment(path: Path) -> str:
    """First comment line of a configuration file."""
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""


ABOUT = ("search", "tuned", "stored")  # keys of a method's YAML that are no options of it


def options_of(method: Mapping[str, Any]) -> dict[str, Any]:
    """A method's YAML without what only the pipeline and the tuner read.

    Example:
        >>> options_of({"_target_": "a.B", "lr": 0.1, "search": {"lr": {"low": 0, "high": 1}}})
        {'_target_': 'a.B', 'lr': 0.1}
    """
    return {key: value for key, value in method.items() if key not in ABOUT}


def unknown(kind: str, word: str, known: Iterable[str]) -> UsageError:
    """The error for a word that is not among the known ones, with the nearest of them."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}"
    return UsageError(f"unknown {kind} {word!r}; {hint}")
