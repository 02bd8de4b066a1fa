"""Builds the site of the pages into ``build/site``: ``make docs`` runs it after the generator.

Pages are staged in ``build/pages`` as they lie in the repository, so that their links hold; what
they link is copied beside them. Formulas become MathML, and pages that only the site has are added.
A warning of mkdocs stops it, and so does an address that a page would load something from.
"""

import logging
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from generate import TOP, pages
from writers import site_pages
from writers.formulas import CODE, of_page, outside_code

LINK = re.compile(r"\]\(([^)\s#]*)(?:#[^)\s]+)?\)")
COMMENT = re.compile(r"^<!--.*?-->\n?", re.MULTILINE | re.DOTALL)
# What a browser fetches by itself; links that a reader may follow lead where they like.
FETCHED = re.compile(
    r"<(?:script|img|iframe|source|embed)\b[^>]*?\bsrc=[\"']?((?:https?:)?//[^\s\"'>]+)"
    r"|<link\b(?![^>]*rel=[\"']?(?:canonical|next|prev))[^>]*?\bhref=[\"']?((?:https?:)?//[^\s\"'>]+)"
    r"|(?:url\(|@import )[\"']?((?:https?:)?//[^\s\"')]+)"
)


def every_page(top: Path) -> list[Path]:
    """The pages of the repository, tables of studies among them."""
    return sorted({*pages(top), *(top / "experiments").glob("*/*.md")})


def stage(top: Path, out: Path) -> None:
    """Copy every page, and the files that pages link, into a folder that mirrors the repository."""
    for page in every_page(top):
        text = page.read_text(encoding="utf-8")
        for target in LINK.findall(CODE.sub("", text)):
            linked = page.parent / target
            if target and ":" not in target and linked.is_file() and linked.suffix != ".md":
                copy(linked, top, out)
        write(out / page.relative_to(top), staged(page, text, top))
    for path in sorted((top / "docs" / "site_files").iterdir()):
        copy(path, top, out)


def staged(page: Path, text: str, top: Path) -> str:
    """A page as mkdocs is to read it."""
    text = of_page(outside_code(text, lambda part: COMMENT.sub("\n", part)))
    text = outside_code(text, lambda part: part.replace(".ipynb)", ".md)"))
    if page.parent == top / "docs" / "methods":
        return text + site_pages.of_class(page.stem)
    if page.parent.parent == top / "experiments":  # wide tables; all numbers are not searched for
        search = "" if page.name == "README.md" else "search:\n  exclude: true\n"
        return f"---\nhide: [toc]\n{search}---\n\n{text}"
    return text


def copy(path: Path, top: Path, out: Path) -> None:
    """Copy a file to its place in the mirror."""
    place = out / os.path.relpath(path.resolve(), top)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, place)


def write(path: Path, text: str) -> None:
    """Write a page, and its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def add(top: Path, out: Path) -> dict[str, list[Any]]:
    """Write the pages that only the site has; the lists that the navigation names."""
    docs = out / "docs"
    copy(top / "docs" / "notebook.ipynb", top, out)
    write(docs / "notebook.md", site_pages.notebook(top / "docs" / "notebook.ipynb"))
    write(docs / "reference" / "index.md", site_pages.rooms_listed(top))
    reference: dict[str, list[Any]] = {}
    for room, name, text in site_pages.modules(top):
        write(docs / "reference" / f"{name}.md", text)
        reference.setdefault(room, []).append({name: f"docs/reference/{name}.md"})
    scores: dict[str, list[Any]] = {}
    for family, name, text in site_pages.scores():
        write(docs / "scores" / f"{name}.md", text)
        scores.setdefault(family, []).append(f"docs/scores/{name}.md")
    methods = sorted((top / "docs" / "methods").glob("*.md"))
    studies = sorted((top / "experiments").glob("*/README.md"))
    return {
        "methods": [{path.stem: str(path.relative_to(top))} for path in methods],
        "studies": [{path.parent.name: str(path.relative_to(top))} for path in studies],
        "scores": [{family: found} for family, found in scores.items()],
        "reference": [{room: found} for room, found in reference.items()],
    }


def filled(entries: list[Any], lists: dict[str, list[Any]]) -> list[Any]:
    """The navigation with its lists in the place of their names."""
    out: list[Any] = []
    for entry in entries:
        if isinstance(entry, dict):
            [(title, inner)] = entry.items()
            out.append({title: filled(inner, lists) if isinstance(inner, list) else inner})
        else:
            out += lists.get(entry, [entry])
    return out


def slug(head: str, separator: str = "-") -> str:
    """The anchor of a heading, as a code host spells it."""
    return re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", separator)


def fetched(site: Path) -> Iterator[str]:
    """What pages and style sheets of a site would load from elsewhere."""
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".css", ".svg"):
            for found in FETCHED.findall(path.read_text(encoding="utf-8")):
                yield f"{path.relative_to(site)} loads {''.join(found)}"


def main() -> int:
    """Stage, build, look; the place of the site is printed."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    source = TOP / "mkdocs.yml"
    given = yaml.safe_load(source.read_text(encoding="utf-8"))
    out, site = TOP / given["docs_dir"], TOP / given["site_dir"]
    shutil.rmtree(out, ignore_errors=True)
    stage(TOP, out)
    config = load_config(str(source), strict=True, nav=filled(given["nav"], add(TOP, out)))
    config.mdx_configs["toc"]["slugify"] = slug
    build(config)
    if elsewhere := list(fetched(site)):
        print("\n".join(elsewhere), file=sys.stderr)
        return 1
    print(f"site: {(site / 'index.html').relative_to(TOP)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
