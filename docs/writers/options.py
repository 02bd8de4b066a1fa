"""Tables of options: default of each from the method's YAML, meaning from its docstring's Args.

Nothing is imported: docstrings are read from the source, so no torch is loaded.
"""

from functools import cache
from pathlib import Path

from mu.configuration.choices import choices, options_of, read_yaml
from mu.configuration.docstrings import default, meanings
from mu.errors import UsageError


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
    said = meanings(target, top)
    if missing := [option for option in options if option not in said]:
        raise UsageError(
            f"the docstring of {target} has no line under Args for {', '.join(missing)}, "
            f"options of configs/method/{method}.yaml"
        )
    lines = ["| option | default | meaning |", "| --- | --- | --- |"]
    lines += [
        f"| `{option}` | {default(value)} | {cell(said[option])} |"
        for option, value in options.items()
    ]
    if alike := [other for other, of in targets().items() if of == target and other != method]:
        links = ", ".join(f"[{other}]({other}.md)" for other in alike)
        lines += ["", f"The same class with other defaults: {links}."]
    return "\n".join(lines) + "\n"


@cache
def targets() -> dict[str, str]:
    """Method → class, of every method."""
    return {name: read_yaml(path)["_target_"] for name, path in choices("method").items()}


def cell(text: str) -> str:
    """Markdown that may stand in a cell of a table."""
    return text.replace("|", "\\|")
