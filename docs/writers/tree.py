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
    lines = ["| step | file | |", "| --- | --- | --- |"]
    for module, function in [*named, *sorted({*STEP.findall(text)} - {*named})]:
        path = top / f"{module.replace('.', '/')}.py"
        name, said = purpose(path, function)
        name = named.get((module, function), name)
        lines.append(f"| {name} | `{path.relative_to(top)}` | {said} |")
    return "\n".join(lines) + "\n"


def purpose(path: Path, function: str) -> tuple[str, str]:
    """Name of a step and what it does, by the first line of a function's docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    [node] = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == function]
    said = (ast.get_docstring(node) or "").partition("\n")[0]
    match = re.match(r"Step ``(\w+)``(?:: ?)?", said)
    name = match[1] if match else "fit"  # kinds of training, which recipes name
    said = said[match.end() if match else 0 :].removeprefix("Store step: ").replace("``", "`")
    return name, said[:1].upper() + said[1:]
