"""The scores of a page in words: a tooltip on the head of a column, and a list below the tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from mu.reporting.section import Section
from mu.results.definitions import Definition, definitions, reach
from mu.results.format import printable

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True)
class Term:
    """A score as the glossary has it.

    Attributes:
        key: An identifier for its anchor.
        title: What columns call it.
        one: What its docstring says.
        reach: Its range in words.
    """

    key: str
    title: str
    one: Definition
    reach: str


def glossary(sections: Iterable[Section]) -> dict[str, Term]:
    """The scores that sections show, by the title of their columns; only those that are defined."""
    found: dict[str, Term] = {}
    for section in sections:
        panel = section.cards[0].panel if section.cards else ""
        known = definitions(panel)
        for metric in section.metrics:
            title = section.title(metric)
            if metric in known and title not in found:
                key = "".join(c if c.isalnum() else "-" for c in metric)
                about = reach(section.scores.get(metric, {}))
                found[title] = Term(f"score-{key}", title, known[metric], about)
    return found


def head(title: str, terms: dict[str, Term]) -> "Markup":
    """The head of a column, which says its name in full and leads to the glossary."""
    from markupsafe import Markup

    term, text = terms.get(title), escape(printable(title))
    if term is None:
        return Markup(text)
    said = escape(term.one.name)
    return Markup(f'<a class="term" href="#{term.key}"><abbr title="{said}">{text}</abbr></a>')


def term_rows(term: Term) -> Sequence[tuple[str, str]]:
    """What is said of a score, each by its word."""
    return [(word.lower(), text) for word, text in term.one.facts(term.reach).items()]
