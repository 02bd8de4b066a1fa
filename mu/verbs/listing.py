"""``mu list``: what there is to choose from."""

from collections.abc import Iterator, Mapping
from typing import Any

from mu.configuration.choices import choices, first_comment, unknown
from mu.verbs.parser import Parser

KINDS = {
    "methods": "method",
    "metrics": "evaluation",
    "datasets": "data",
    "models": "model",
    "recipes": "recipe",
    "requests": "request",
    "experiments": "experiment",
    "modes": "mode",
}


def command(words: list[str]) -> int:
    """``mu list``: names with one line each.

    Raises:
        UsageError: Not something that can be listed.
    """
    parser = Parser(
        prog="mu list",
        description="Say what there is to choose from, a line each; your own are among them.",
        epilog="example: mu list methods",
    )
    parser.add_argument("what", nargs="?", default="", metavar="WHAT", help=", ".join(KINDS))
    what = parser.parse_args(words).what
    if what not in KINDS:
        raise unknown("list", what, KINDS)
    if what == "metrics":
        return list_metrics()
    found = choices_about(what)
    width = max(map(len, found), default=0)
    for name, text in found.items():
        print(f"{name:<{width}}  {text}")
    return 0


def choices_about(what: str) -> dict[str, str]:
    """Name → one line, of every choice of a kind in `KINDS`."""
    found = choices(KINDS[what])
    return {name: first_comment(path).removeprefix(f"{name}: ") for name, path in found.items()}


def scores() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Each panel: its name, one line, and what it says of its scores."""
    from mu.configuration.compose import composed
    from mu.results.panel import describe_panels

    for choice, path in choices("evaluation").items():
        config = composed({"evaluation": choice})["evaluation"]
        for panel, described in describe_panels(choice, config).items():
            about = first_comment(path) if panel == choice else "a request that takes whole classes"
            yield panel, about, described["scores"]


def list_metrics() -> int:
    """The scores of each panel, with what they are called in tables."""
    for panel, about, found in scores():
        print(f"{panel}: {about}")
        for name, facts in found.items():
            star = "**" if facts["decisive"] else "* " if facts["headline"] else "  "
            print(f"  {star} {name:<20} {facts['kind']:<11} {facts['title']}")
    print("* counts in the verdict, ** like the oracle rests on it")
    return 0
