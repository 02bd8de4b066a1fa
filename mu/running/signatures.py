"""Options held against the annotations of a constructor, read from source: nothing is imported."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from mu.errors import UsageError
from mu.running.code import module_file, syntax_tree

KINDS: dict[str, tuple[type, ...]] = {
    "float": (float, int),
    "int": (int,),
    "bool": (bool,),
    "str": (str,),
    "None": (type(None),),
}
WORDS = {
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "str": "a word",
    "None": "null",
}


def check_annotated(config: Mapping[str, Any], what: str) -> None:
    """Refuse options of another type than the constructor of ``_target_`` is annotated with.

    What is annotated with anything but numbers, words and null is left to the constructor.

    Args:
        config: ``_target_`` and its options.
        what: Who has the options, for the message.

    Raises:
        UsageError: Naming option, value and what it takes.
    """
    module, _, name = str(config.get("_target_", "")).rpartition(".")
    annotated = annotations_of(module, name)
    for option, value in config.items():
        kinds = annotated.get(option, [])
        if not kinds or not all(kind in KINDS for kind in kinds):
            continue
        fits = tuple(one for kind in kinds for one in KINDS[kind])
        if not isinstance(value, fits) or (isinstance(value, bool) and bool not in fits):
            takes = " or ".join(WORDS[kind] for kind in kinds)
            raise UsageError(f"{what}: {option}={value!r} is not {takes}")


def plain_number(value: Any) -> Any:
    """A number of NumPy or torch as Python has it; anything else as it is.

    Example:
        >>> import numpy as np
        >>> plain_number(np.float32(0.5)), plain_number("abc")
        (0.5, 'abc')
    """
    single = hasattr(value, "item") and getattr(value, "ndim", None) == 0
    return value.item() if single else value


def annotations_of(module: str, name: str) -> dict[str, list[str]]:
    """Argument → members of its annotation, of a class's constructor and those it hands on to.

    Example:
        >>> annotations_of("mu.unlearning.ssd", "SSD")["alpha"]
        ['float', 'None']
    """
    path = module_file(module) if module else None
    try:
        tree = syntax_tree(path) if path else ast.Module([], [])
    except (UsageError, OSError, UnicodeDecodeError):  # said where it is imported
        return {}
    own = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name]
    if not own:
        return {}
    found: dict[str, list[str]] = {}
    made = [n for n in own[0].body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
    if not made or made[0].args.kwarg:
        for base in own[0].bases:
            found |= annotations_of(*_where(ast.unparse(base), module, tree))
    for argument in [*made[0].args.args, *made[0].args.kwonlyargs] if made else []:
        if argument.annotation is not None:
            found[argument.arg] = list(_members(argument.annotation))
    return found


def _where(base: str, module: str, tree: ast.Module) -> tuple[str, str]:
    """Module and name of a base class."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if (alias.asname or alias.name) == base:
                    return node.module, alias.name
    return module, base


def _members(annotation: ast.expr) -> Iterator[str]:
    """The types of a union, as they are written."""
    if isinstance(annotation, ast.BinOp):
        yield from _members(annotation.left)
        yield from _members(annotation.right)
    else:
        yield ast.unparse(annotation)
