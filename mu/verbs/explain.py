"""``mu explain``: what a score or a method is, from its docstring, its YAML and its page."""

import difflib
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from mu.configuration.choices import choices, first_comment, options_of, read_yaml
from mu.configuration.docstrings import default, docstrings, meanings, prose, words_in_class
from mu.configuration.method_pages import method_page, page_parts
from mu.errors import UsageError
from mu.results.card import Facts
from mu.results.definitions import Definition, definitions, reach
from mu.verbs.parser import Parser

WIDTH = 80
EDGE = 11  # where the text begins beside its word


def command(words: list[str]) -> int:
    """``mu explain``: prints what a name stands for.

    Raises:
        UsageError: Nothing has that name, or several things begin with it.
    """
    parser = Parser(
        prog="mu explain",
        description="Say what a score or a method is: its formula, what to expect, its options.",
        epilog='example: mu explain "KL f"; mu explain ssd',
    )
    text = "a score, its title in tables, a method, or how one begins"
    parser.add_argument("name", nargs="+", metavar="NAME", help=text)
    print("\n\n".join(explained(" ".join(parser.parse_args(words).name))))
    return 0


def explained(asked: str) -> list[str]:
    """The text of each thing of that name: scores first, then methods.

    Raises:
        UsageError: Nothing has that name, or several things begin with it.
    """
    scores, methods = all_scores(), choices("method")
    names = {name: name for name in (*scores, *methods)}
    titles = [(facts["title"], name) for name, (facts, _) in scores.items()]
    word = asked.casefold()
    found = [name for name in names if name.casefold() == word]
    found = found or [name for title, name in titles if title.casefold() == word]
    if not found:
        found = sorted({n for t, n in (*titles, *names.items()) if t.casefold().startswith(word)})
        if len(found) > 1:
            raise UsageError(f"{asked!r} may be {', '.join(found)}")
    if not found:
        known = {spelt.casefold(): spelt for spelt in (*names, *(title for title, _ in titles))}
        near = [known[one] for one in difflib.get_close_matches(word, known)]
        hint = (
            f"did you mean {', '.join(near)}?" if near else "see mu list metrics, mu list methods"
        )
        raise UsageError(f"nothing is called {asked!r}; {hint}")
    own = [score_text(name) for name in found if name in scores]
    return own + [method_text(name) for name in found if name in methods]


@cache
def all_scores() -> Mapping[str, tuple[Facts, list[str]]]:
    """What the panels say of each score, and which have it, by its name."""
    from mu.configuration.compose import composed
    from mu.results.panel import describe_panels

    found: dict[str, tuple[Facts, list[str]]] = {}
    for choice in choices("evaluation"):
        config = composed({"evaluation": choice})["evaluation"]
        for panel, one in describe_panels(choice, config).items():
            for name, facts in one["scores"].items():
                rests = " (decides)" if facts["decisive"] else ""
                found.setdefault(name, (facts, []))[1].append(f"{panel}{rests}")
    return found


def score_text(name: str) -> str:
    """What a score is, no wider than a terminal."""
    facts, panels = all_scores()[name]
    one = definitions()[name]
    lines = [f"{facts['title']} ({name}): {one.name}", *paragraphs(one.about)]
    lines += ["", *_facts(one, facts)]
    for option, (value, meaning) in (one.options or {}).items():
        lines += beside("Option", f"{option} = {default(value)}. {meaning}")
    if facts["kind"] != "cost":
        also = {panel.partition(" (")[0] for panel in panels}
        own = [p for p in panels if p.partition(", ")[0] == p or p.partition(", ")[0] not in also]
        lines += beside("Panels", "; ".join(own))
    return "\n".join(_fit(lines))


def _facts(one: Definition, facts: Facts) -> Iterator[str]:
    rows = one.facts(reach(facts))
    source = rows.pop("Source", "")
    for word, text in {**rows, "Reads": ", ".join(facts["reads"]), "Source": source}.items():
        if text:
            yield from beside(word, text)


def method_text(name: str) -> str:
    """What a method is, no wider than a terminal."""
    path = choices("method")[name]
    options = options_of(read_yaml(path))
    target = str(options.pop("_target_"))
    parts = page_parts(method_page(name))
    own = next(iter(docstrings(target)), "")
    lines = [f"{name}: {first_comment(path).removeprefix(f'{name}: ')}"]
    lines += [*paragraphs(parts["what"] or prose(own)), ""]
    serves, needs = words_in_class(target, "requests"), words_in_class(target, "needs")
    if serves:
        lines += beside("Forgets", ", ".join(serves))
    if needs is not None:
        lines += beside("Needs", ", ".join(needs) or "no data")
    lines += beside("Cost", parts["cost"] or "see the columns of cost in its table")
    lines += beside("When not", parts["unfit"] or "nothing is said of it")
    lines += ["", *_options(options, meanings(target))]
    return "\n".join(_fit(lines))


def _options(options: Mapping[str, Any], said: Mapping[str, str]) -> list[str]:
    if not options:
        return ["It has no options."]
    lines = ["Options, with their defaults (method.NAME=VALUE sets one):"]
    for option, value in options.items():
        lines += wrapped(f"{option} = {default(value)}", "  ", "      ")
        lines += wrapped(said.get(option, ""), " " * 6, " " * 6)
    return lines


def paragraphs(text: str) -> list[str]:
    """Each paragraph below an empty line."""
    return [line for part in text.split("\n\n") if part for line in ("", *wrapped(part))]


def beside(word: str, text: str) -> list[str]:
    """A word with its text to the right of it."""
    return wrapped(text, f"{word:<{EDGE}}", " " * EDGE)


def wrapped(text: str, first: str = "", rest: str = "") -> list[str]:
    """Lines of at most 80 characters, without the marks of Markdown."""
    plain = text.replace("`", "").replace("$", "").replace("**", "")
    return textwrap.wrap(
        plain, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )


def _fit(lines: list[str]) -> Iterator[str]:
    for line in lines:
        yield from [line] if len(line) <= WIDTH else wrapped(line, "", "  ")
