"""Where things are: rooms of the package and steps of the pipeline, read from the source."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

NAMED = re.compile(r'"(\w+)",\s*"(mu(?:\.\w+)+):(\w+)"')  # a step's name, module and function
STEP = re.compile(r"\b(mu(?:\.\w+)+):(\w+)\b")


def layout(top: Path) -> str:
    """Files and rooms of ``mu`` with the first line of their docstrings."""
    files = sorted((top / "mu").glob("[!_]*.py"))
    found = [("mu/", ""), *((f"  {path.name}", first_line(path)) for path in files)]
    for folder in rooms(top / "mu"):
        depth = len(folder.relative_to(top).parts) - 1
        found.append((f"{'  ' * depth}{folder.name}/", first_line(folder / "__init__.py")))
    width = max(len(name) for name, _ in found)
    lines = [f"{name:<{width}}  {said}".rstrip() for name, said in found]
    return "\n".join(["```", *lines, "```"]) + "\n"


def rooms(folder: Path) -> Iterator[Path]:
    """The packages below a folder, each before its own."""
    for inner in sorted(path.parent for path in folder.glob("*/__init__.py")):
        yield inner
        yield from rooms(inner)


def first_line(path: Path) -> str:
    """The first line of a file's docstring."""
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return said.partition("\n")[0]


def steps(top: Path) -> str:
    """Each step of the store, its file, and what it does: the first line of the function."""
    sources = [*sorted((top / "mu").glob("*.py")), *sorted((top / "configs/recipe").glob("*.yaml"))]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    named = {(module, function): name for name, module, function in NAMED.findall(text)}
    rest = {key: "fit" for key in STEP.findall(text) if key not in named}  # kinds of training
    lines = ["| step | file | |", "| --- | --- | --- |"]
    for (module, function), name in (named | rest).items():
        path = top / f"{module.replace('.', '/')}.py"
        lines.append(f"| {name} | `{path.relative_to(top)}` | {purpose(path, function)} |")
    return "\n".join(lines) + "\n"


def purpose(path: Path, function: str) -> str:
    """The first line of a function's docstring, without the name of its step."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    [node] = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == function]
    said = (ast.get_docstring(node) or "").partition("\n")[0]
    said = re.sub(r"^(Step ``\w+``|Store step): ?", "", said).replace("``", "`")
    return said[:1].upper() + said[1:]
