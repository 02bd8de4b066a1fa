"""Whether the classes that a configuration names are there, without importing them."""

import ast
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec

from mu.data.importing import NO_MODULE, lacking, nowhere
from mu.errors import UsageError
from mu.running.code import SCRIPT, is_own, module_file, syntax_tree, targets_in


def check_present(config: object, what: str) -> None:
    """Refuse a ``_target_`` that is nowhere, before any step; only an import can tell the rest.

    Args:
        config: Anything that names classes, at any depth.
        what: Whose configuration it is, for the message.

    Raises:
        UsageError: Naming the class, and what is missing.
    """
    for target in targets_in(config):
        if why := why_absent(target):
            raise UsageError(f"{what}: {target} cannot be imported: {why}")


def why_absent(target: str) -> str | None:
    """What of a dotted name is nowhere, in one line; None where nothing is known to be missing.

    Example:
        >>> why_absent("mu.errors.UsageErr")
        "mu.errors has no 'UsageErr'; did you mean UsageError?"
        >>> why_absent("nowhere_at_all.Net")
        'there is no module nowhere_at_all in the folders of PYTHONPATH'
        >>> why_absent("torch.nn.Linear")
    """
    module, _, name = target.rpartition(".")
    if not module:
        return NO_MODULE
    first = module.split(".")[0]
    if first == SCRIPT or (module_file(first) and not is_own(first)):
        return None
    path = module_file(module)
    if path is None:
        outer, _, inner = module.rpartition(".")
        nested = bool(outer) and module_file(outer) is not None and inner in _names(outer)
        if nested or (module_file(first) is None and find_spec(first) is not None):
            return None
        return nowhere(first if module_file(first) is None else module)
    names = _names(module)
    if name in names or "*" in names or module_file(f"{module}.{name}"):
        return None
    return lacking(module, name, names)


def _names(module: str) -> set[str]:
    """Names that the file of a module defines or imports; ``*`` where it may have any."""
    path = module_file(module)
    try:
        found = _defined_in(syntax_tree(path)) if path else frozenset[str]()
    except (UsageError, OSError, UnicodeDecodeError):  # said where it is imported
        return {"*"}
    return {*found, "*"} if "__getattr__" in found else set(found)


@cache
def _defined_in(tree: ast.Module) -> frozenset[str]:
    return frozenset(_defined(tree))


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
