"""What there is to choose from: the YAML files of each group, and errors that name the nearest."""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mu.errors import UsageError


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
        UsageError: It cannot be read, is not YAML, or holds no mapping.
    """
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path} holds no mapping")
    return found


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
