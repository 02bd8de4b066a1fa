"""Pages that only the site has: scores, modules, the notebook; and what ends those of methods."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from writers.options import targets
from writers.scores import FAMILIES
from writers.tree import first_line, rooms

from mu.configuration.choices import choices
from mu.configuration.docstrings import default
from mu.results.definitions import definitions, reach, score_entries
from mu.verbs.explain import all_scores

# Beside the page of its module, what is shown of a class is no second place to refer to.
CLASS = """
## The class

`{target}`, in [its module](../reference/{module}.md):

::: {target}
    options:
      members: false
      heading_level: 3
      show_root_heading: false
      skip_local_inventory: true
"""


def of_class(method: str) -> str:
    """What stands below the page of a method: the docstring of its class."""
    target = targets()[method]
    return CLASS.format(target=target, module=target.rpartition(".")[0])


def scores() -> Iterator[tuple[str, str, str]]:
    """Family, file name and text of the page of each score, by family."""
    for family, title in FAMILIES.items():
        for name, (facts, _) in all_scores().items():
            if facts["family"] == family:
                yield title, name.replace("/", "_"), of_score(name)


def of_score(name: str) -> str:
    """The page of a score: what its docstring and the panels say of it."""
    (facts, panels), one = all_scores()[name], definitions()[name]
    lines = [f"# {facts['title']}", "", f"`{name}`: {one.name}.", "", one.about, ""]
    rows = one.facts(reach(facts)) | {"Reads": ", ".join(facts["reads"])}
    rows["Panels"] = "; ".join(panels)
    lines += [f"- **{word}:** {text}" for word, text in rows.items() if text]
    for option, (value, meaning) in (one.options or {}).items():
        lines.append(f"- `{option}` = {default(value)}. {meaning}")
    if target := classes_of_scores().get(name):
        lines += ["", f"Class: [`{target}`](../reference/{target.rpartition('.')[0]}.md)"]
    lines += ["", "All of them: [what the numbers mean](../scores.md)."]
    return "\n".join(lines) + "\n"


@cache
def classes_of_scores() -> dict[str, str]:
    """The class of each score of mu, by its name, as the first panel that has it says."""
    found: dict[str, str] = {}
    for panel in choices("evaluation"):
        found = {name: str(made["_target_"]) for name, made in score_entries(panel).items()} | found
    return {name: target for name, target in found.items() if target.startswith("mu.")}


def modules(top: Path) -> Iterator[tuple[str, str, str]]:
    """Room, name and text of the page of each module of ``mu``."""
    for folder in (top / "mu", *rooms(top / "mu")):
        room = ".".join(folder.relative_to(top).parts)
        for path in sorted(folder.glob("[!_]*.py")):
            name = f"{room}.{path.stem}"
            yield room, name, f"# `{name}`\n\n::: {name}\n"


def rooms_listed(top: Path) -> str:
    """The first page of the reference: rooms and their modules, with what each says first."""
    lines = [
        "# API reference",
        "",
        "From docstrings, a page a module, rooms in order of names.",
        "",
    ]
    for folder in (top / "mu", *rooms(top / "mu")):
        room = ".".join(folder.relative_to(top).parts)
        lines += [f"## `{room}`", "", first_line(folder / "__init__.py"), ""]
        for path in sorted(folder.glob("[!_]*.py")):
            lines.append(f"- [`{path.stem}`]({room}.{path.stem}.md): {first_line(path)}")
        lines.append("")
    return "\n".join(lines)


def notebook(path: Path) -> str:
    """The cells of a notebook without outputs, as Markdown."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    blocks = [
        text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```"
        for cell in cells
        if (text := "".join(cell["source"]))
    ]
    blocks.insert(1, f"The notebook itself: [{path.name}]({path.name}).")
    return "\n\n".join(blocks) + "\n"
