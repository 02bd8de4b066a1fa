"""Writes every generated part of the documents anew: ``make docs``.

A part stands between two comments, ``<!-- KIND:words -->`` … ``<!-- /KIND -->``. Of each kind, what
stands there (where there is nothing to show yet, the part stays as it is):

- ``list:method``: the choices of ``configs/method``, one line each; ``counts``: how many of each.
- ``layout``: files and rooms of ``mu``; ``steps``: the steps of the store and their files.
- ``scores``: every score of every panel; ``meanings:NAME …``: a short table of these.
- ``options``, on the page of a method: its options, their defaults and what they mean.
- ``results:NAME``, ``results:NAME REQUEST``: tables and pictures of ``experiments/NAME``.
- ``near:NAME REQUEST``: methods by what they leave of the original's gap, and what they cost.
- ``findings:NAME NAME …``: the titles and findings of these studies.
- ``passes``: what the experiments of full size take.

Beside the parts, ``experiments/NAME/table.md`` is written from the cards of each kept experiment.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from writers import catalogue, options, passes, scores, studies, tree

TOP = Path(__file__).parents[1]
PART = re.compile(
    r"(<!-- (list|counts|layout|steps|scores|meanings|options|results|near|findings|passes)"
    r"(?::([\w ]+))? -->\n)"
    r"(.*?)(<!-- /\2 -->)",
    re.DOTALL,
)


def content(kind: str, words: list[str], page: Path, top: Path) -> str | None:
    """What stands in a part of a page; None to leave it as it is."""
    match kind, words:
        case "list", [group]:
            return catalogue.listed(group, page, top)
        case "counts", []:
            return catalogue.counts(page, top)
        case "layout", []:
            return tree.layout(top)
        case "steps", []:
            return tree.steps(top)
        case "scores", []:
            return scores.everything()
        case "meanings", names:
            return scores.short(names)
        case "options", [] if page.parent.name == "methods":
            return options.table(page.stem, top)
        case "results", [name, *request]:
            return studies.tables(name, " ".join(request), page, top)
        case "near", [name, request]:
            return studies.near(name, request, top)
        case "passes", []:
            return passes.table()
        case "findings", names:
            return studies.findings(names, page, top)
    return None


def generated(text: str, page: Path, top: Path = TOP) -> str:
    """The text of a page with its generated parts as they should be."""

    def part(match: re.Match[str]) -> str:
        start, kind, words, old, end = match.groups()
        new = content(kind, (words or "").split(), page, top)
        return start + (old if new is None else new) + end

    return PART.sub(part, text)


def pages(top: Path = TOP) -> list[Path]:
    """Every page that may have generated parts; those of studies last, since others read none."""
    own = [*sorted(top.glob("*.md")), *sorted((top / "docs").rglob("*.md"))]
    return own + sorted((top / "experiments").glob("*/README.md"))


def files(page: Path, top: Path = TOP) -> Iterator[tuple[Path, str]]:
    """A page and, of a study, the table beside it, each with the text that it should have."""
    yield page, generated(page.read_text(encoding="utf-8"), page, top)
    if page.parent.parent == top / "experiments" and (found := studies.study(page.parent)):
        yield page.parent / "table.md", found.table


def main() -> int:
    """Write what is not as it should be; the names of these files are printed."""
    for page in pages():
        for path, text in files(page):
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")
                print(f"{path.relative_to(TOP)} rewritten")
    return 0


if __name__ == "__main__":
    sys.exit(main())
