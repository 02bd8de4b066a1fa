"""What every figure shares: settings, panels, labels, and SVG that is the same bits each time."""

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from itertools import product
from typing import TYPE_CHECKING, Any

from mu.reporting.pictures.look import GREY, INK
from mu.results.format import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import XAxis, YAxis
    from matplotlib.figure import Figure

Span = tuple[float, float | None, float | None]  # a value and the ends of its interval
Box = tuple[float, float, float, float]  # left, low, right, high
DISTANCES = (10, 18, 30, 44, 60, 80)  # pixels from a point to its text, tried in this order
FONT = "'DejaVu Sans'"
FONTS = "'DejaVu Sans', Verdana, Arial, sans-serif"


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


def panels(
    drawn: "Figure", count: int, across: int, sharex: bool = False, sharey: bool = False
) -> "list[Axes]":
    """Axes for so many panels, row by row; what is left over in the last row stays empty."""
    down = math.ceil(count / across)
    grid = drawn.subplots(down, across, squeeze=False, sharex=sharex, sharey=sharey).ravel()
    for axes in grid[count:]:
        axes.set_axis_off()
    return list(grid[:count])


def decade(value: float) -> str:
    """A power of ten, short.

    >>> decade(0.01), decade(100.0), decade(1e6)
    ('0.01', '100', '1e6')
    """
    return f"{value:g}" if 1e-4 <= value < 1e5 else f"1e{math.log10(value):.0f}"


def logarithmic(axis: "XAxis | YAxis", minor: bool = True) -> None:
    """Make an axis, and those it is shared with, logarithmic, with plain numbers at the decades.

    Args:
        axis: Of any axes.
        minor: Whether there are ticks between the decades; of many panels they cost seconds.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator(numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: decade(value)))
    axis.set_minor_formatter(NullFormatter())
    if not minor:
        axis.set_minor_locator(NullLocator())


def standalone(picture: str) -> str:
    """The text of a file that holds an ``<svg>`` element of a page."""
    return picture.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


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
    text = saved_svg(drawn)
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


def saved_svg(drawn: "Figure") -> str:
    """The figure as an SVG file.

    What `savefig` writes, which draws everything twice: once for the layout alone.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    sink = io.StringIO()
    canvas: Any = FigureCanvasSVG(drawn)
    engine = drawn.get_layout_engine()
    if engine is not None:
        engine.execute(drawn)
        drawn.set_layout_engine("none")
    canvas.print_svg(sink, metadata={"Date": None, "Creator": None})
    return sink.getvalue()


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
