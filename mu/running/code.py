"""Digest of the code a step runs, so that an edited helper is noticed and a comment is not."""

import ast
import sys
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from mu.data.importing import targets_among
from mu.errors import UsageError

PACKAGE = "mu"
SCRIPT = "__main__"  # the module of a notebook or of the script that runs: no other process has it


@cache
def module_file(name: str) -> Path | None:
    """Source file of a dotted module name, found on ``sys.path`` without importing anything."""
    parts = name.split(".")
    roots = (
        [Path(__file__).parents[2]] if parts[0] == PACKAGE else [Path(p or ".") for p in sys.path]
    )
    for root in roots:
        path = root.joinpath(*parts)
        if path.with_suffix(".py").is_file():
            return path.with_suffix(".py")
        if (path / "__init__.py").is_file():
            return path / "__init__.py"
    return None


@cache
def syntax_tree(path: Path) -> ast.Module:
    """What a source file holds; parsed once, and not to be changed.

    Raises:
        UsageError: It is no Python.
    """
    return _read(path)


def _read(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise UsageError(f"{path}, line {error.lineno}, is no Python: {error.msg}") from error


# What was seen in source files, by their content: names of the mu modules that a file imports,
# wherever the import stands, and the digest of its syntax tree without docstrings.
Seen = tuple[str, tuple[str, ...]]
seen: dict[str, Seen] = {}


@cache
def _seen(path: Path, module: str) -> Seen:
    content = blake2b(module.encode() + b"\n" + path.read_bytes(), digest_size=16).hexdigest()
    if content not in seen:
        seen[content] = (_tree_digest(path), tuple(sorted(_imported(path, module))))
    return seen[content]


def _imported(path: Path, module: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(syntax_tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*module.split(".")[: -node.level], *filter(None, [node.module])])
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == PACKAGE}


class _Strip(ast.NodeTransformer):
    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                node.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined]
        return node


def _tree_digest(path: Path) -> str:
    bare = _Strip().visit(_read(path))  # reading again is faster than a copy of the tree
    return blake2b(ast.dump(bare).encode(), digest_size=16).hexdigest()


def reachable(module: str) -> set[str]:
    """`mu` modules reachable by import from ``module``, itself included; packages do not count.

    A module or package outside `mu` (a user's class) stands for its own file only.
    """
    found: set[str] = set()
    queue = [module]
    while queue:
        name = queue.pop()
        path, ours = module_file(name), name.split(".")[0] == PACKAGE
        if name in found or path is None or (ours and path.name == "__init__.py"):
            continue
        found.add(name)
        if ours:
            queue += _seen(path, name)[1]
    return found


def code_digest(*targets: str) -> str:
    """Digest over the syntax trees reachable from dotted names of modules, classes or functions.

    Comments, docstrings and layout do not count. Names that resolve to no source file (a class of
    an installed library without one) contribute their name; what a notebook or script defines
    (``__main__``) counts as it is now, see `mu.running.live.live_digest`.

    Example:
        >>> code_digest("mu.errors.MuError") == code_digest("mu.errors.UsageError")
        True
    """
    here = [target for target in targets if target.startswith(f"{SCRIPT}.")]
    filed = _filed(*(target for target in targets if target not in here))
    if not here:
        return filed
    from mu.running.live import live_digest

    found = [filed, *(live_digest(thing_named(target), target) for target in here)]
    return blake2b("\n".join(found).encode(), digest_size=16).hexdigest()


def thing_named(target: str) -> Any:
    """What a dotted name of `SCRIPT` stands for.

    Raises:
        UsageError: There is nothing of that name.
    """
    found: Any = sys.modules[SCRIPT]
    for name in target.split(".")[1:]:
        if not hasattr(found, name):
            raise UsageError(f"{target} is not there: it must stand at the top of the notebook")
        found = getattr(found, name)
    return found


def forget_files() -> None:
    """Read all source files anew: a session may outlive what its user's files hold."""
    for cached in (module_file, syntax_tree, _seen, _filed):
        cached.cache_clear()


@cache
def _filed(*targets: str) -> str:
    """The part of `code_digest` that stands in files."""
    files: dict[str, str] = {}
    for target in targets:
        module = target
        while module and module_file(module) is None:
            module = module.rpartition(".")[0]
        if not is_own(module):
            files[target] = "library"
            continue
        for name in reachable(module):
            path = module_file(name)
            assert path is not None
            files[name] = _seen(path, name)[0]
    text = "\n".join(f"{name} {digest}" for name, digest in sorted(files.items()))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def is_own(module: str) -> bool:
    """Whether a module is mu's or the user's own file, not an installed library's."""
    path = module_file(module) if module else None
    installed = path is None or {"site-packages", "dist-packages"} & set(path.parts)
    return module.split(".")[0] == PACKAGE or not installed


def targets_in(config: object) -> list[str]:
    """Every ``_target_`` named anywhere in a configuration, sorted.

    Example:
        >>> targets_in({"a": {"_target_": "x.Y", "b": [{"_target_": "z.W"}]}})
        ['x.Y', 'z.W']
    """
    return sorted({one for one in targets_among(config) if isinstance(one, str)})
