"""``mu list``: what there is to choose from."""

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
    found = choices(KINDS[what])
    width = max(map(len, found), default=0)
    for name, path in found.items():
        text = first_comment(path)
        print(f"{name:<{width}}  {text.removeprefix(f'{name}: ')}")
    return 0


def list_metrics() -> int:
    """The scores of each panel, with what they are called in tables."""
    from mu.configuration.compose import composed
    from mu.results.panel import describe_panels

    for choice, path in choices("evaluation").items():
        config = composed({"evaluation": choice})["evaluation"]
        for panel, described in describe_panels(choice, config).items():
            about = first_comment(path) if panel == choice else "a request that takes whole classes"
            print(f"{panel}: {about}")
            for name, facts in described["scores"].items():
                star = "**" if facts["decisive"] else "* " if facts["headline"] else "  "
                print(f"  {star} {name:<20} {facts['kind']:<11} {facts['title']}")
    print("* counts in the verdict, ** like the oracle rests on it")
    return 0
