"""What every figure shares: a look per method, and SVG that is the same bits each time."""

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from itertools import product
from typing import TYPE_CHECKING, Any

from mu.reporting.layout import all_methods
from mu.results.format import printable
from mu.results.results import Results
from mu.results.words import ORACLE, ORIGINAL, RANDOM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import XAxis, YAxis
    from matplotlib.figure import Figure

# Okabe and Ito's palette for all kinds of colour vision, without the yellow that white swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
INK, GREY, BAND = "#222222", "#8a8a8a", "#e4e4e4"
Span = tuple[float, float | None, float | None]  # a value and the ends of its interval
Box = tuple[float, float, float, float]  # left, low, right, high
NAME_LENGTH = 22
DISTANCES = (10, 18, 30, 44, 60, 80)  # pixels from a point to its text, tried in this order
FONT = "'DejaVu Sans'"
FONTS = "'DejaVu Sans', Verdana, Arial, sans-serif"


@dataclass(frozen=True)
class Look:
    """Colour and marker of one method, the same in every figure of a report."""

    colour: str
    marker: str


def looks(results: Results) -> dict[str, Look]:
    """A look for every method of an experiment; references are grey and black."""
    fixed = {
        ORIGINAL: Look("#666666", "d"),
        RANDOM: Look("#aaaaaa", "x"),
        ORACLE: Look("#000000", "*"),
    }
    others = [method for method in all_methods(results) if method not in fixed]
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


@contextmanager
def drawing() -> Iterator[None]:
    """Matplotlib's settings while figures of the report are made."""
    from matplotlib import rc_context

    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "mu",
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "text.parse_math": False,
        "axes.unicode_minus": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": GREY,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
    }
    with rc_context(settings):
        yield


def figure(width: float, height: float) -> "Figure":
    """An empty figure, in inches, that belongs to no interactive session."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def decade(value: float) -> str:
    """A power of ten, short.

    >>> decade(0.01), decade(100.0), decade(1e6)
    ('0.01', '100', '1e6')
    """
    return f"{value:g}" if 1e-4 <= value < 1e5 else f"1e{math.log10(value):.0f}"


def logarithmic(axis: "XAxis | YAxis") -> None:
    """Make an axis logarithmic, with plain numbers at the decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator(numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: decade(value)))
    axis.set_minor_formatter(NullFormatter())


def svg(drawn: "Figure", slug: str, label: str) -> str:
    """The figure as an ``<svg>`` element to put into a page.

    Identifiers get the slug in front, so that several figures live in one page; metadata, name
    spaces and the style sheet (inline, it would hold for the whole page) are left out.

    Args:
        drawn: A finished figure.
        slug: Letters, digits and hyphens, unique in the page.
        label: What the figure shows, for those who do not see it.

    Returns:
        One element; text stays text.
    """
    sink = io.StringIO()
    drawn.savefig(sink, format="svg", metadata={"Date": None, "Creator": None})
    text = sink.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r"<style .*?</style>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r"(<[^<>]*\sid=\")", rf"\g<1>{slug}-", text)
    text = re.sub(r"(xlink:href=\"|url\()#", rf"\g<1>#{slug}-", text)
    text = text.replace("xlink:href=", "href=").replace(FONT, FONTS)
    head, rest = text.split(">", 1)
    found = re.search(r'viewBox="[^"]*"', head)
    width = drawn.get_size_inches()[0] * 96
    return (
        f'<svg {found[0] if found else ""} role="img" aria-label="{escape(printable(label))}" '
        f'style="width:{width:.0f}px">{rest.strip()}'
    )


def place_labels(
    drawn: "Figure", axes: "Axes", points: Sequence[tuple[Span, Span]], texts: Sequence[str]
) -> None:
    """Write a text beside each point where it covers no point, no interval and no earlier text.

    Places near the point are tried first; a text that had to move away gets a line to its point.

    Args:
        drawn: The figure; its layout is settled by this call.
        axes: Axes whose limits are final.
        points: For each text where its point lies across and up, with the ends of its intervals.
        texts: One label per point.
    """
    drawn.draw_without_rendering()
    drawn.set_layout_engine("none")
    to_pixels = axes.transData
    taken = [box for across, up in points for box in _occupied(axes, across, up)]
    for (across, up), text in zip(points, texts, strict=True):
        note = axes.annotate(text, (0, 0), fontsize=10, zorder=5)
        size = note.get_window_extent()
        x, y = to_pixels.transform((across[0], up[0]))
        box, anchor = _free_place(axes, (x, y), (size.width, size.height), taken)
        taken.append(box)
        left, low = to_pixels.inverted().transform((box[0], box[1] + size.height * 0.2))
        note.set_position((float(left), float(low)))
        if anchor:
            ends = to_pixels.inverted().transform([(x, y), anchor])
            axes.plot(ends[:, 0], ends[:, 1], color=GREY, linewidth=0.6, zorder=1)


def _occupied(axes: "Axes", across: Span, up: Span) -> list[Box]:
    """Boxes in pixels that a point and its two intervals cover."""
    x, y = axes.transData.transform((across[0], up[0]))
    left, low = axes.transData.transform((_or(across[1], across[0]), _or(up[1], up[0])))
    right, high = axes.transData.transform((_or(across[2], across[0]), _or(up[2], up[0])))
    return [(x - 6, y - 6, x + 6, y + 6), (left, y - 2, right, y + 2), (x - 2, low, x + 2, high)]


def _or(value: float | None, instead: float) -> float:
    return instead if value is None else value


def _free_place(
    axes: "Axes", point: tuple[float, float], size: tuple[float, float], taken: Sequence[Box]
) -> tuple[Box, tuple[float, float] | None]:
    """A box of this size near a point, and where a line to it ends when it is not beside it."""
    frame = axes.get_window_extent()
    (x, y), (width, height) = point, size
    for distance, (right, up) in product(DISTANCES, _DIRECTIONS):
        left = x + distance * right - width * (1 - right) / 2
        low = y + distance * up - height / 2
        box = (left, low, left + width, low + height)
        inside = frame.x0 <= left and box[2] <= frame.x1
        inside = inside and frame.y0 <= low and box[3] <= frame.y1
        if inside and not any(_overlap(box, other) for other in taken):
            break
    near = distance == DISTANCES[0]
    return box, None if near else (left + width * (1 - right) / 2, low + height * (1 - up) / 2)


_DIRECTIONS = ((1, 1), (-1, 1), (1, -1), (-1, -1), (1, 0), (-1, 0), (0, 1.4), (0, -1.4))


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
