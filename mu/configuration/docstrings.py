"""What a class says of itself in its docstring, read from its source: nothing is imported."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from inspect import cleandoc
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[2]
ENTRY = re.compile(r"^ {4}(\w[\w, ]*):(?: |$)", re.MULTILINE)
SAID = ("Name", "Formula", "Original", "Oracle", "Members", "Source")  # of a score, each once
FACT = re.compile(rf"^({'|'.join(SAID)}): (.*(?:\n {{4}}.*)*)", re.MULTILINE)
HEADED = re.compile(rf"^(?:Args|Raises|Example|{'|'.join(SAID)}):", re.MULTILINE)


def facts_in(docstring: str) -> dict[str, str]:
    """The facts of a score in its docstring, by their word; later lines of one stand further in.

    >>> facts_in('''Errors.
    ...
    ... Name: Unlearning accuracy.
    ... Oracle: its error on data
    ...     it never saw.
    ... ''')
    {'Name': 'Unlearning accuracy', 'Oracle': 'its error on data it never saw'}
    """
    found = FACT.findall(docstring)
    return {word: " ".join(text.split()).removesuffix(".") for word, text in found}


def prose(docstring: str) -> str:
    r"""The paragraphs before the facts and the sections, each on one line, as Markdown.

    >>> prose('Errors.\n\nOf D_f,\nall.\n\nArgs:\n    lr: Rate.')
    'Errors.\n\nOf D_f, all.'
    """
    head = HEADED.split(docstring)[0]
    return "\n\n".join(markdown(part) for part in head.split("\n\n") if part.strip())


def lineage(target: str, top: Path = TOP) -> Iterator[ast.ClassDef]:
    """The syntax tree of a class, then those of its bases that are not of other packages.

    Args:
        target: ``module.Class``.
        top: The folder that holds the package.
    """
    module, _, name = target.rpartition(".")
    tree = parsed(source(module, top))
    node = next((n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name), None)
    if node is None:
        return
    yield node
    package = module.partition(".")[0]
    for base in map(ast.unparse, node.bases):
        origin = _origins(module, top).get(base, "")
        if origin.startswith(("mu.", f"{package}.")):
            yield from lineage(origin, top)


@cache
def _origins(module: str, top: Path) -> dict[str, str]:
    """Names that a module imports or defines as classes → where they are defined."""
    tree = parsed(source(module, top))
    imported = {
        alias.asname or alias.name: f"{statement.module}.{alias.name}"
        for statement in ast.walk(tree)
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    own = {n.name: f"{module}.{n.name}" for n in tree.body if isinstance(n, ast.ClassDef)}
    return imported | own


def docstrings(target: str, top: Path = TOP) -> list[str]:
    """The docstrings of a class and of its bases, its own first."""
    return [ast.get_docstring(node) or "" for node in lineage(target, top)]


def said_by(target: str, top: Path = TOP) -> dict[str, str]:
    """The `facts_in` of a score; those on which it is silent are those of its bases."""
    found: dict[str, str] = {}
    for docstring in reversed(docstrings(target, top)):
        found |= facts_in(docstring)
    return found


def meanings(target: str, top: Path = TOP) -> dict[str, str]:
    """Option → meaning: the Args of a class, of its bases where it is silent."""
    found: dict[str, str] = {}
    for docstring in reversed(docstrings(target, top)):
        own = arguments_in(docstring)
        found |= {k: v for k, v in own.items() if k not in found or v[:7] != "As for "}
    return found


def words_in_class(target: str, attribute: str, top: Path = TOP) -> list[str] | None:
    """The words of a class attribute that is a set written out; None where it depends.

    >>> words_in_class("mu.unlearning.gradient_ascent.GradientAscent", "needs")
    ['forget']
    """
    for node in lineage(target, top):
        for line in node.body:
            match line:
                case ast.FunctionDef(name=name) if name == attribute:
                    return None
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                ) if name == attribute:
                    held = [n.value for n in ast.walk(value) if isinstance(n, ast.Constant)]
                    return [word for word in held if isinstance(word, str)]
    return None


def source(module: str, top: Path = TOP) -> Path:
    """The file of a module, which need not be below ``top``.

    Raises:
        ModuleNotFoundError: There is none.
    """
    path = top / f"{module.replace('.', '/')}.py"
    if path.is_file():
        return path
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module {module}")
    return Path(spec.origin)


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def arguments_in(docstring: str) -> dict[str, str]:
    r"""The section Args of a docstring in Google style, as Markdown.

    >>> arguments_in('''Fit.
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
    """A piece of a docstring in one line of Markdown.

    >>> markdown('"a" or None; see ``b="c"``')
    '`a` or `null`; see `b="c"`'
    """
    text = re.sub(r":math:`([^`]+)`", r"$\1$", " ".join(text.split())).replace("``", "`")
    pieces = text.split("`")  # every second one is code and stays as it is
    pieces[::2] = [
        re.sub(r'"(\w+)"', r"`\1`", re.sub(r"\bNone\b", "`null`", said)) for said in pieces[::2]
    ]
    return "`".join(pieces)


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
