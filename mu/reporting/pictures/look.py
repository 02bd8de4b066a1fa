"""The look of each method: a colour and a marker, the same in every figure, and a short name."""

from collections.abc import Mapping
from dataclasses import dataclass

from mu.reporting.layout import methods_of
from mu.results.format import printable
from mu.results.results import Results
from mu.results.words import NULL, ORACLE, ORIGINAL, RANDOM

# Okabe and Ito's palette for all kinds of colour vision, without the yellow that white swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
INK, GREY, BAND = "#222222", "#8a8a8a", "#e4e4e4"
NAME_LENGTH = 22


@dataclass(frozen=True)
class Look:
    """Colour and marker of one method, the same in every figure of a report."""

    colour: str
    marker: str


Looks = Mapping[str, Look]


def looks(results: Results) -> dict[str, Look]:
    """A look for every method of an experiment; references are grey and black."""
    fixed = {
        ORIGINAL: Look("#666666", "d"),
        RANDOM: Look("#aaaaaa", "x"),
        ORACLE: Look("#000000", "*"),
        NULL: Look("#000000", "P"),
    }
    others = [method for method in methods_of(results.cards, results.rows) if method not in fixed]
    # The marker changes with the colour, so that neither print nor sight needs the colour alone.
    drawn = {
        method: Look(
            COLOURS[place % len(COLOURS)],
            MARKERS[(place % len(COLOURS) + place // len(COLOURS)) % len(MARKERS)],
        )
        for place, method in enumerate(others)
    }
    return fixed | drawn


def short(method: str) -> str:
    """A method's name where a long one would leave no room for the picture.

    >>> short("ssd"), short("a_method_with_a_very_long_name")
    ('ssd', 'a_method_with_a_very_…')
    """
    name = printable(method)
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…"
