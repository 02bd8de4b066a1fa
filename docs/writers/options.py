"""Tables of options: default of each from the method's YAML, meaning from its docstring's Args.

Nothing is imported: docstrings are read from the source, so no torch is loaded.
"""

import ast
import re
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import Any

from mu.configuration.choices import choices, options_of, read_yaml
from mu.errors import UsageError

ENTRY = re.compile(r"^ {4}(\w[\w, ]*):(?: |$)", re.MULTILINE)


def table(method: str, top: Path) -> str:
    """One row for each option of ``configs/method/METHOD.yaml``.

    Raises:
        UsageError: No class of the method says what an option means.
    """
    config = read_yaml(choices("method")[method])
    options = options_of(config)
    target = options.pop("_target_")
    if not options:
        return "It has no options.\n"
    module, _, name = target.rpartition(".")
    said = meanings(module, name, top)
    if missing := [option for option in options if option not in said]:
        raise UsageError(
            f"the docstring of {target} has no line under Args for {', '.join(missing)}, "
            f"options of configs/method/{method}.yaml"
        )
    lines = ["| option | default | meaning |", "| --- | --- | --- |"]
    lines += [
        f"| `{option}` | {default(value)} | {said[option]} |" for option, value in options.items()
    ]
    if alike := [other for other, of in targets().items() if of == target and other != method]:
        links = ", ".join(f"[{other}]({other}.md)" for other in alike)
        lines += ["", f"The same class with other defaults: {links}."]
    return "\n".join(lines) + "\n"


@cache
def targets() -> dict[str, str]:
    """Method → class, of every method."""
    return {name: read_yaml(path)["_target_"] for name, path in choices("method").items()}


def default(value: Any) -> str:
    """A value of a YAML file as a reader would write it.

    >>> default(None), default(0.001), default(5e-06), default("???"), default("sgd")
    ('`null`', '0.001', '5e-06', 'to be given', '`sgd`')
    """
    if value == "???":
        return "to be given"
    if value is None or isinstance(value, bool):
        return f"`{'null' if value is None else str(value).lower()}`"
    return f"{value:g}" if isinstance(value, int | float) else f"`{value}`"


def meanings(module: str, name: str, top: Path) -> dict[str, str]:
    """Option → meaning: the Args of a class, of its bases in ``mu`` where it is silent."""
    tree = parsed(top / f"{module.replace('.', '/')}.py")
    found: dict[str, str] = {}
    [node] = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name]
    imported = {
        alias.asname or alias.name: (statement.module, alias.name)
        for statement in ast.walk(tree)
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    own = {n.name: (module, n.name) for n in tree.body if isinstance(n, ast.ClassDef)}
    for base in reversed([ast.unparse(base) for base in node.bases]):
        source, origin = (imported | own).get(base, ("", ""))
        if source and source.startswith("mu."):
            found |= meanings(source, origin, top)
    own_words = arguments(ast.get_docstring(node) or "")
    return found | {k: v for k, v in own_words.items() if k not in found or v[:7] != "As for "}


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def arguments(docstring: str) -> dict[str, str]:
    r"""The section Args of a docstring in Google style, as Markdown.

    >>> arguments('''Fit.
    ...
    ... Args:
    ...     lr, step: The rate :math:`\\eta`,
    ...         of ``SGD``.
    ...
    ... Raises:
    ...     UsageError: Not positive.
    ... ''')
    {'lr': 'The rate $\\eta$, of `SGD`.', 'step': 'The rate $\\eta$, of `SGD`.'}
    """
    section = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", docstring, re.MULTILINE | re.DOTALL)
    if section is None:
        return {}
    pieces = ENTRY.split(section[1])[1:]
    return {
        name.strip(): markdown(cleandoc(text))
        for names, text in zip(pieces[::2], pieces[1::2], strict=True)
        for name in names.split(",")
    }


def markdown(text: str) -> str:
    """A piece of a docstring in one line of Markdown, fit for a cell of a table.

    >>> markdown('"a" or None; see ``b="c"``')
    '`a` or `null`; see `b="c"`'
    """
    text = re.sub(r":math:`([^`]+)`", r"$\1$", " ".join(text.split())).replace("``", "`")
    pieces = text.split("`")  # every second one is code and stays as it is
    pieces[::2] = [
        re.sub(r'"(\w+)"', r"`\1`", re.sub(r"\bNone\b", "`null`", said)) for said in pieces[::2]
    ]
    return "`".join(pieces).replace("|", "\\|")
