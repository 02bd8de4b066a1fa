"""One name for one thing, and rooms that read only what stands below them.

Read from the syntax trees: nothing is imported, so a circle or a broken file is named here first.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]

FILES = {"__init__", "__main__", "library", "pipeline", "steps", "card", "artifact", "errors"}
FILES |= {"version"}

# The only public names that stand in several modules, each one interface that is found by its name.
ENTRIES = {
    "step": "what the store runs, written as mu.training.fit:step",
    "as_plain_fit": "beside the step of a training of its own: a plain one that lasts as long",
    "command": "a verb's words on the command line, read by the table of verbs",
    "predict": "a model on batches; mu.predict looks at what the user gives, and calls the other",
    "main": "what a program starts with",
}

# Rooms and files of mu/, the lowest first: each imports only from lines above its own. What makes a
# number ends with forget_sets; below that line nothing of how cells are chosen, run or shown may
# stand, or editing it would compute everything again.
FLOORS = (
    ("errors", "artifact", "version"),
    ("trust",),
    ("data", "analytic"),
    ("doors", "evaluation"),
    ("models",),
    ("parts",),
    ("gradients",),
    ("training", "concepts"),
    ("lora",),
    ("unlearning",),
    ("calibration",),
    ("forget_sets",),
    ("configuration", "storing"),
    ("results", "running"),
    ("library",),
    ("steps",),
    ("card",),
    ("pipeline",),
    ("rates",),
    ("reporting", "tuning"),
    ("tracking", "auditing"),
    ("verbs",),
    ("studies",),
    ("__main__", "__init__"),
)
HEIGHTS = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}

# Imports that do not run down, and have yet to go.
CLIMBS = {
    ("concepts.words", "configuration.choices"),
}


@cache
def trees() -> dict[str, ast.Module]:
    """The syntax tree of each module, by its dotted name below mu: ``data.base``, ``__init__``."""
    found = {}
    for path in sorted((TOP / "mu").rglob("*.py")):
        parts = path.relative_to(TOP / "mu").with_suffix("").parts
        name = ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


def imports(name: str) -> set[str]:
    """Modules of mu that a module imports, at its top or inside a function."""
    called = set()
    for node in ast.walk(trees()[name]):
        if isinstance(node, ast.Import):
            called |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"mu.{name} imports by dots: write the whole name"
            called |= {f"{node.module}.{alias.name}" for alias in node.names}
    below = {word.removeprefix("mu.") for word in called if word.startswith("mu.")}
    below |= {"__init__" for word in called if word == "mu"}
    # `from mu.data.base import Data` names a class, `from mu.data import base` a module, and
    # `from mu import load` what `mu/__init__.py` holds.
    return {next((m for m in (word, word.rpartition(".")[0]) if m in trees()), "__init__")
            for word in below}  # fmt: skip


def floor(name: str) -> int:
    """How high the room of a module stands."""
    return HEIGHTS[name.split(".")[0]]


def test_a_public_name_is_defined_in_one_module():
    where: dict[str, set[str]] = {}
    for module, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                where.setdefault(node.name, set()).add(module)
    several = {
        name: modules
        for name, modules in where.items()
        if len(modules) > 1 and not name.startswith("_")
    }
    new = {name: several[name] for name in several.keys() - ENTRIES}
    assert not new, "a reader who searches for the name finds two things: give one another name"
    assert not ENTRIES.keys() - several, "these stand for one thing: strike them off ENTRIES"


def test_the_top_of_the_package_holds_the_machinery_and_nothing_else():
    files = {path.name for path in (TOP / "mu").iterdir() if path.is_file()}
    assert files == {f"{name}.py" for name in FILES} | {"py.typed"}


def test_every_room_has_its_floor():
    assert len(HEIGHTS) == sum(map(len, FLOORS)), "a room stands twice"
    assert set(HEIGHTS) == {name.split(".")[0] for name in trees()}


def test_imports_run_down():
    climbs = {
        (name, other)
        for name in trees()
        for other in imports(name)
        if name.split(".")[0] != other.split(".")[0] and floor(other) >= floor(name)
    }
    assert climbs - CLIMBS == set(), "a room imports from one that stands higher: see FLOORS"
    assert CLIMBS - climbs == set(), "these no longer climb: strike them off CLIMBS"


@pytest.mark.parametrize("name", ["data.base", "pipeline"])
def test_the_imports_of_a_module_are_seen(name):
    assert "errors" in imports(name)
