"""The picture of the loss attack at every rate of false alarms, low ones in sight."""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

from mu.reporting.details import Details
from mu.reporting.pictures.canvas import drawing, figure, logarithmic, panels, svg
from mu.reporting.pictures.look import GREY, Look, Looks, short
from mu.reporting.pictures.trajectory import Curve, curve, mean_curve
from mu.reporting.section import Section
from mu.results.card import Card
from mu.results.format import plural
from mu.results.words import ORACLE, ORIGINAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT, ACROSS = 9.6, 2.5, 4
COARSE = 0.2  # lowest rate of false alarms above which a curve is a point or two
STYLES = {ORIGINAL: ":", ORACLE: "--"}


def roc_curves(section: Section) -> dict[str, list[Curve]]:
    """Operating points of the loss attack on each method, one curve per pair.

    Pairs with few unseen samples start at a higher rate than others; those with fewer than five
    are left out.

    Args:
        section: One step of one request.

    Returns:
        Curves of (false positive rate, true positive rate), rates upwards, by method.
    """

    def fine(card: Card) -> Curve:
        found = curve(card.details.get("roc") or {}, "fpr", "tpr")
        return found if found and 0 < found[0][0] <= COARSE else []

    return Details(section).by_method(fine)


def roc(section: Section, looks: Looks) -> str:
    """A panel per method on logarithmic axes: its curve beside the original's and the oracle's.

    Thick lines are means over the pairs, at rates that all of them resolve; thin ones are the
    pairs. A share of 0 lies on the lower edge.
    """
    found = roc_curves(section)
    tried = [method for method in found if method not in STYLES]
    if not tried:
        return ""
    across, down = min(len(tried), ACROSS), ceil(len(tried) / ACROSS)
    most = max(map(len, found.values()))
    start = min(curve[0][0] for group in found.values() for curve in group)
    with drawing():
        drawn = figure(min(WIDTH, 2.6 + 2.4 * across), HEIGHT * down + 0.3)
        grid = panels(drawn, len(tried), across, sharex=True, sharey=True)
        for axis in (grid[0].xaxis, grid[0].yaxis):  # shared by all
            logarithmic(axis, minor=False)
        grid[0].set(xlim=(start, 1.1), ylim=(start * 0.9, 1.1))
        for axes, method in zip(grid, tried, strict=True):
            axes.plot([start, 1], [start, 1], color=GREY, linewidth=0.8, label="chance")
            for name, style in STYLES.items():
                text = short(section.label(name))
                _lines(axes, found.get(name, []), start, looks[name], text, style)
            _lines(axes, found[method], start, looks[method], "", "-")
            some = f" ({plural(len(found[method]), 'pair')})" if len(found[method]) < most else ""
            axes.set_title(short(method) + some, fontsize=10, fontweight="bold")
        for axes in grid[-across:]:  # the lowest of each column
            axes.tick_params(labelbottom=True)
            axes.set_xlabel("false positive rate")
        for axes in grid[::across]:
            axes.set_ylabel("true positive rate")
        handles, names = grid[0].get_legend_handles_labels()
        drawn.set_layout_engine("constrained", w_pad=0.1)
        drawn.legend(handles, names, loc="outside upper left", ncols=3, frameon=False)
        label = f"{section.name}: true against false positive rate of the loss attack, per method"
        return svg(drawn, f"roc-{section.key}", label)


def _lines(
    axes: "Axes", group: Sequence[Curve], start: float, look: Look, name: str, style: str
) -> None:
    """The mean of several curves, and each of them where the line is a method's."""
    if style == "-" and len(group) > 1:
        for curve in group:
            axes.plot(*_floored(curve, start), color=look.colour, linewidth=0.6, alpha=0.45)
    mean = mean_curve(group) if group else []
    if len(mean) > 1:
        drawn = _floored(mean, start)
        axes.plot(*drawn, color=look.colour, linestyle=style, linewidth=1.8, label=name or None)


def _floored(curve: Curve, start: float) -> tuple[list[float], list[float]]:
    """Rates and shares to draw: a logarithmic axis has no place for a share of 0."""
    return [rate for rate, _ in curve], [max(share, start) for _, share in curve]
