"""Pictures of unlearning as it goes: accuracy and loss of each part over the epochs."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mu.reporting.details import Details
from mu.reporting.pictures.canvas import drawing, figure, logarithmic, svg
from mu.reporting.pictures.look import GREY, INK, Look, Looks, short
from mu.reporting.section import Section
from mu.results.card import Facts
from mu.results.format import finite, plural
from mu.results.words import ORACLE, ORIGINAL

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

PARTS = ("forget", "retain", "validation")
TITLES = {"forget": "forgotten data", "retain": "retained data", "validation": "validation data"}
MEASURES = {"trajectory": "accuracy", "losses": "loss"}
WIDTH = 9.6
NARROW, ROOM = 0.05, 0.06  # the shortest axis of proportions, and the share of it kept free
DECADES = 30.0  # ratio of losses above which their axis is logarithmic

Curve = list[tuple[float, float]]  # (epoch, value), epochs upwards


def trajectory(section: Section, looks: Looks) -> str:
    """Accuracy on each part during unlearning, a panel per part and a line per method.

    The thick line is the mean over the pairs, thin ones are the pairs; horizontal lines are the
    original's and the oracle's value where the panel holds it.
    """
    return _draw(section, looks, "trajectory")


def loss_curves(section: Section, looks: Looks) -> str:
    """The same picture of the losses."""
    return _draw(section, looks, "losses")


def curves(section: Section, measure: str) -> dict[str, list[Curve]]:
    """Curves of each method that has some, one per pair.

    Args:
        section: One step of one request.
        measure: Such as ``forget_accuracy``.

    Returns:
        Curves of two points and more, by method.
    """
    return Details(section).by_method(lambda card: curve(card.trajectory, "epoch", measure))


def curve(entry: Facts, across: str, up: str) -> Curve:
    """Two vectors of an entry as points in order; none where fewer than two have numbers.

    >>> curve({"epoch": [1, 0, 2], "loss": [0.5, 1.0, None]}, "epoch", "loss")
    [(0.0, 1.0), (1.0, 0.5)]
    """
    points = zip(entry.get(across) or (), entry.get(up) or (), strict=False)
    numbers = [(finite(x), finite(y)) for x, y in points]
    found = sorted((x, y) for x, y in numbers if x is not None and y is not None)
    return found if len(found) > 1 else []


def mean_curve(found: Sequence[Curve]) -> Curve:
    """The mean of several curves, linear between their points, where all of them are known.

    >>> mean_curve([[(0.0, 1.0), (1.0, 0.0)], [(0.0, 0.5), (0.5, 0.5), (1.0, 0.5)]])
    [(0.0, 0.75), (0.5, 0.5), (1.0, 0.25)]
    """
    first, last = max(c[0][0] for c in found), min(c[-1][0] for c in found)
    epochs = sorted({epoch for curve in found for epoch, _ in curve if first <= epoch <= last})
    return [(epoch, sum(_at(curve, epoch) for curve in found) / len(found)) for epoch in epochs]


def _at(curve: Curve, epoch: float) -> float:
    after = bisect_right(curve, epoch, key=lambda point: point[0])
    (left, low), (right, high) = curve[after - 1], curve[min(after, len(curve) - 1)]
    return low if right <= left else low + (high - low) * (epoch - left) / (right - left)


def _draw(section: Section, looks: Looks, kind: str) -> str:
    measure = MEASURES[kind]
    found = {part: curves(section, f"{part}_{measure}") for part in PARTS}
    parts = [part for part in PARTS if found[part]]
    if not parts:
        return ""
    methods = {method for part in parts for method in found[part]}
    with drawing():
        drawn = figure(WIDTH, max(2.9, 1.3 + 0.21 * len(methods)))
        grid = drawn.subplots(1, len(parts), squeeze=False)[0]
        for axes, part in zip(grid, parts, strict=True):
            for method, group in found[part].items():
                some = f" ({plural(len(group), 'pair')})" if len(group) < section.pairs else ""
                _lines(axes, group, short(section.label(method)) + some, looks[method])
            if measure == "accuracy":
                _targets(axes, section, part)
                _proportion(axes)
            axes.set_title(f"{measure}, {TITLES[part]}", fontsize=10, fontweight="bold")
            axes.set_xlabel("epoch of unlearning")
            axes.locator_params(nbins=5)
            axes.margins(x=0.04, y=0.08)
            if measure == "loss":
                _scale(axes, [v for group in found[part].values() for c in group for _, v in c])
        named: dict[str, Artist] = {}
        for axes in grid:
            for handle, text in zip(*axes.get_legend_handles_labels(), strict=True):
                named.setdefault(text, handle)
        drawn.legend(list(named.values()), list(named), loc="outside right upper", frameon=False)
        label = f"{section.name}: {measure} on each part during unlearning, per method"
        return svg(drawn, f"{kind}-{section.key}", label)


def _lines(axes: "Axes", group: Sequence[Curve], name: str, look: Look) -> None:
    if len(group) > 1:
        for curve in group:
            axes.plot(*zip(*curve, strict=True), color=look.colour, linewidth=0.7, alpha=0.45)
    mean = mean_curve(group)
    if len(mean) > 1:
        axes.plot(
            *zip(*mean, strict=True),
            color=look.colour,
            linewidth=1.8,
            marker=look.marker,
            markersize=5,
            markevery=max(1, len(mean) // 6),
            label=name,
        )


def _targets(axes: "Axes", section: Section, part: str) -> None:
    """Horizontal lines of the original and the oracle."""
    for score, facts in section.scores.items():
        if facts["public"] != f"{part}/accuracy":
            continue
        for method, style, colour in ((ORIGINAL, ":", GREY), (ORACLE, "--", INK)):
            if (mean := section.number(method, score)) is not None:
                height = 1 - mean if facts["complement"] else mean
                label = short(section.label(method))
                axes.axhline(height, color=colour, linestyle=style, linewidth=1.5, label=label)
        if section.row(ORACLE, score):
            return


def _proportion(axes: "Axes") -> None:
    """An axis of proportions: little room beyond them, and never so short that noise fills it."""
    low, high = axes.dataLim.intervaly
    low = max(min(low, high - NARROW), 0.0)
    high = max(high, low + NARROW)
    room = ROOM * (high - low)
    axes.set_ylim(low - room, high + room)


def _scale(axes: "Axes", values: Sequence[float]) -> None:
    """A logarithmic axis for losses that grow over decades, as those of gradient ascent do."""
    if min(values) > 0 and max(values) > DECADES * min(values) and max(values) > DECADES:
        logarithmic(axes.yaxis)
