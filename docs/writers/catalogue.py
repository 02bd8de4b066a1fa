"""What there is to choose from: the first comment line of each YAML file, and their number."""

import os
from pathlib import Path

from mu.configuration.choices import choices, first_comment
from mu.verbs.listing import KINDS

PAGES = {"method": "docs/methods/{}.md", "experiment": "experiments/{}/README.md"}


def listed(group: str, page: Path, top: Path) -> str:
    """One line for each choice of a configuration group; a name leads to its page if it has one."""
    lines = [
        f"- {linked(group, name, page, top)}: {first_comment(path).removeprefix(f'{name}: ')}"
        for name, path in choices(group).items()
    ]
    return "\n".join(lines) + "\n"


def linked(group: str, name: str, page: Path, top: Path) -> str:
    """The name of a choice, with a link where a page tells more of it."""
    for own in (name, f"{name}_small"):
        target = top / PAGES.get(group, "").format(own)
        if target.is_file():
            return f"[`{name}`]({relative(target, page)})"
    return f"`{name}`"


def relative(target: Path, page: Path) -> str:
    """The path of a file as a link on a page."""
    return Path(os.path.relpath(target, page.parent)).as_posix()


def counts(page: Path, top: Path) -> str:
    """How many there are of each kind, as a sentence."""
    shown = [kind for kind in KINDS if kind not in ("metrics", "modes")]
    said = [f"{len(choices(KINDS[kind]))} {kind}" for kind in shown]
    link = relative(top / "docs/catalogue.md", page)
    return (
        f"There are {', '.join(said[:-1])} and {said[-1]}: `mu list methods` and so on, or the\n"
        f"[catalogue]({link}), which links what is told of each.\n"
    )
