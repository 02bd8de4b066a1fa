"""The results as one page that needs nothing else: verdicts first, then the evidence."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mu.reporting.glossary import glossary, head, term_rows
from mu.reporting.harder import harder
from mu.reporting.layout import ordered, sections, shared_notes
from mu.reporting.layout import shown as abridged
from mu.reporting.legend import VERDICTS
from mu.reporting.overlap import overlap_maps
from mu.reporting.pictures import classes
from mu.reporting.pictures.chosen import CAPTIONS, KINDS, figures_of
from mu.reporting.pictures.gallery import gallery
from mu.reporting.pictures.heat import destinations, matrices
from mu.reporting.pictures.look import short
from mu.reporting.pictures.tuning import tuning
from mu.reporting.scores import against, nearer, score_tables
from mu.reporting.section import Section
from mu.reporting.setting import options, settings, versions
from mu.results import words
from mu.results.format import printable
from mu.results.results import Results
from mu.results.words import DIFFERS, INSIDE, LIKE, OPEN, REFERENCES

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

LONG = 12  # letters of a name above which it may be broken
PAGE_LIMIT = 2_900_000  # bytes; the promise is 3 MB
# What is left out, one after the other, until a page is small enough; figures come after pictures.
SPARED = {
    "gallery": "galleries of images",
    "matrices": "prediction matrices",
    "destinations": "maps of where forgotten data go",
    "more": "figures of classes, attacks and trajectories",
    "folded": "tables of folded steps and of scores outside the headline",
    "commands": "recipes, options and the commands of single cells",
}
CLASSES = {
    DIFFERS: "bad",
    "failed": "bad",
    INSIDE: "open",
    LIKE: "good",
    "nearer": "good",
    "farther": "bad",
    OPEN: "open",
}


def html_page(results: Results) -> str:
    """A self-contained page: no script, nothing loaded from outside, below 3 MB.

    Galleries of images are the first to be left out of a page that would be larger, and it says so.

    Args:
        results: What ``results.json`` holds.

    Returns:
        The text of ``report.html``; the same text for the same results.
    """
    templates, shown = environment(), context(results)
    templates.filters["tone"] = lambda word: CLASSES.get(word, "none")
    templates.filters["head"] = lambda title: head(title, shown["terms"])
    templates.filters["rows"] = term_rows
    templates.globals |= {"words": words, "verdict_legend": VERDICTS}
    template = templates.get_template("page.html.j2")
    spared: dict[str, str] = {}
    page = template.render(shown, spared=spared)
    for name, text in SPARED.items():
        if len(page.encode()) <= PAGE_LIMIT:
            break
        smaller = template.render(shown, spared=spared | {name: text})
        if len(smaller) < len(page):  # else there was nothing of that kind
            page, spared = smaller, spared | {name: text}
    return page + "\n"


def environment() -> "Environment":
    """The templates of pages, with the filters that all of them use."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("mu.reporting", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"printable": printable, "short": short, "breakable": breakable}
    return found


def breakable(name: str) -> "Markup":
    """A long name that a narrow column may break after its underscores.

    >>> breakable("large_carnivores_<b>"), breakable("vehicles_2")
    (Markup('large_<wbr>carnivores_<wbr>&lt;b&gt;'), Markup('vehicles_2'))
    """
    from markupsafe import Markup

    return Markup("_<wbr>" if len(name) > LONG else "_").join(name.split("_"))


def context(results: Results) -> dict[str, Any]:
    """What the template shows, already in words."""
    found = sections(results)
    visible = abridged(found)
    drawn, complete = figures_of(results, found, visible)
    known, mixed = versions(results)
    return {
        "results": results,
        "sections": [_shown(section, drawn, section in visible) for section in found],
        "methods": _tried(found),
        "complete": complete,
        "terms": glossary(found),
        "failures": [(s, card) for s in found for card in s.cards if card.error],
        "shared_notes": shared_notes(found),
        "tuning": results.tuning,
        "trials": tuning(results.tuning) if results.tuning else "",
        "overlaps": overlap_maps(results),
        "harder": harder(results),
        "settings": settings(found),
        "options": options(found),
        "versions": known,
        "mixed": mixed,
        "commands": list(dict.fromkeys(printable(c.command) for c in results.cards if c.command)),
    }


def _tried(sections: Sequence[Section]) -> list[str]:
    return [m for m in ordered(m for s in sections for m in s.methods) if m not in REFERENCES]


def _shown(section: Section, drawn: Mapping[str, str], visible: bool) -> dict[str, Any]:
    own = {kind: drawn.get(f"{kind}-{section.key}", "") for kind in (*KINDS, "sequence")}
    return {
        "section": section,
        "visible": visible,
        "tables": score_tables(section),
        "nearer": nearer(section),
        "against": against(section),
        "pictures": own,
        "captions": CAPTIONS | ({"classes": classes.caption(section)} if own["classes"] else {}),
        "destinations": destinations(section) if visible else [],
        "matrices": matrices(section) if visible else [],
        "gallery": gallery(section) if visible else None,
    }
