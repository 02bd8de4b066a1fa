"""The page of a method: what it does, what it costs and when not to use it, in words."""

import re
from pathlib import Path

COSTS = re.compile(r"\*\*(?:Reads|Costs)\*\*")
UNFIT = "**When not to use it.**"
LINK = re.compile(r"!?\[([^\]]+)\]\([^)]*\)")


def method_page(name: str) -> str:
    """The text of ``docs/methods/NAME.md``; empty where there is none, as of your own methods."""
    if not name.isidentifier():  # a row of others may be called anything, ../ too
        return ""
    package = Path(__file__).parents[1]
    packaged = package / "method_pages"
    folder = packaged if packaged.is_dir() else package.parent / "docs" / "methods"
    path = folder / f"{name}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def page_parts(page: str) -> dict[str, str]:
    r"""``what``, ``cost`` and ``unfit`` (when not to use it), each a paragraph of the page.

    >>> page_parts("# A\n\nClimb [it](b.md).\n\n**Costs** one pass.\n")
    {'what': 'Climb it.', 'cost': 'Costs one pass.', 'unfit': ''}
    """
    found = [" ".join(text.split()) for text in page.split("\n\n")]
    cost = next((text for text in found if COSTS.search(text)), "")
    unfit = next((text for text in found if text.startswith(UNFIT)), "")
    what = found[1] if len(found) > 1 else ""
    start = COSTS.search(cost)
    cost = cost[start.start() if start else 0 :]
    parts = {"what": what, "cost": cost, "unfit": unfit.removeprefix(UNFIT).strip()}
    return {name: LINK.sub(r"\1", text).replace("**", "") for name, text in parts.items()}


def method_title(name: str) -> str:
    """What a text calls a row: the title of its method's page, or its name without underscores.

    >>> method_title("scrub"), method_title("random_weights")
    ('SCRUB', 'random weights')
    """
    title = method_page(name).partition("\n")[0].removeprefix("# ")
    return title or (name.replace("_", " ") if name.isidentifier() else name)
