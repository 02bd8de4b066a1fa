"""Why a class that a configuration names cannot be imported."""

import difflib
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

NO_MODULE = "it needs the module, too, as in my_package.my_module.MyClass"


def targets_among(config: Any) -> Iterator[Any]:
    """Every ``_target_`` in a configuration, as it stands there, inner ones first."""
    inner = config.values() if isinstance(config, dict) else config
    if isinstance(config, dict | list | tuple):
        for value in inner:
            yield from targets_among(value)
    if isinstance(config, dict) and "_target_" in config:
        yield config["_target_"]


def why_not_importable(target: str) -> str | None:
    """What stands in the way of a dotted name, in one line; None where nothing does.

    Example:
        >>> why_not_importable("mu.errors.UsageErr")
        "mu.errors has no 'UsageErr'; did you mean UsageError?"
        >>> why_not_importable("mu.errors.UsageError")
    """
    module, _, name = target.rpartition(".")
    if not module:
        return NO_MODULE
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if not error.name or not f"{module}.".startswith(f"{error.name}."):
            return f"module {module} imports {error.name}, which is not installed"
        outer = error.name.rpartition(".")[0]
        if outer and error.name == module:  # a class in a class: my.module.Outer.Inner
            inner = getattr(_module(outer), module.rpartition(".")[2], None)
            if hasattr(inner, name):
                return None
        return nowhere(error.name)
    except SyntaxError as error:
        return f"module {module} is no Python: {error.msg}, line {error.lineno} of {error.filename}"
    except Exception as error:  # whatever the user's own module raises
        said = " ".join(str(error).split())[:200]
        return f"module {module} fails on import: {type(error).__name__}: {said}"
    if hasattr(found, name):
        return None
    return lacking(module, name, dir(found))


def nowhere(module: str) -> str:
    """What is said of a module that is not there."""
    return f"there is no module {module} in the folders of PYTHONPATH"


def lacking(module: str, name: str, known: Iterable[str]) -> str:
    """What is said of a name that a module has not, with the nearest that it has.

    Example:
        >>> lacking("nets", "Outr", ["Outer", "Inner"])
        "nets has no 'Outr'; did you mean Outer?"
    """
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{module} has no {name!r}{hint}"


def _module(name: str) -> Any:
    """The module of a name, None where it cannot be imported."""
    try:
        return import_module(name)
    except Exception:
        return None
