"""The picture of where in a network a method changed parameters: share selected in each tensor."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mu.reporting.details import Details
from mu.reporting.pictures.canvas import drawing, figure, svg
from mu.reporting.pictures.look import Look, Looks, short
from mu.reporting.section import Section
from mu.results.card import Card
from mu.results.format import finite

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

WIDTH, HEIGHT = 9.6, 3.6
NAMED = 26  # tensors up to which each is named
BANDS = 4  # methods up to which bands can be told apart
LINEAR = 0.1  # per cent below which the axis is linear, so that 0 has a place


def selected_shares(section: Section) -> dict[str, list[dict[str, float]]]:
    """Share of each tensor's elements that a method selected, for methods whose cards say so.

    Returns:
        Method → one mapping a pair, from the tensor's name to the share, in the network's order.
    """

    def own(card: Card) -> dict[str, float]:
        layers = card.facts.get("layers")
        if not isinstance(layers, Mapping):  # of some methods it is the number of their layers
            return {}
        return {name: v for name, given in layers.items() if (v := finite(given)) is not None}

    return Details(section).by_method(own)


def selected_layers(section: Section, looks: Looks) -> str:
    """A line per method over the tensors: mean over the pairs, with the range as a band."""
    found = selected_shares(section)
    if not found:
        return ""
    names = list(dict.fromkeys(name for group in found.values() for one in group for name in one))
    with drawing():
        drawn = figure(WIDTH, max(HEIGHT, 1.3 + 0.21 * len(found)))
        axes = drawn.subplots()
        for method, group in found.items():
            line = _line(axes, names, group, looks[method], band=len(found) <= BANDS)
            line.set_label(short(section.label(method)))
        axes.set_yscale("symlog", linthresh=LINEAR)
        axes.set_ylim(0, 130)
        ticks = [0, 0.1, 1, 10, 100]
        axes.set_yticks(ticks, [f"{tick:g} %" for tick in ticks])
        axes.set_ylabel("selected in the tensor")
        _names(axes, names)
        drawn.legend(loc="outside right upper", frameon=False)
        label = f"{section.name}: share of each tensor that methods selected"
        return svg(drawn, f"layers-{section.key}", label)


def _line(
    axes: "Axes", names: Sequence[str], group: Sequence[Mapping[str, float]], look: Look, band: bool
) -> "Line2D":
    """Mean per cent of each tensor that the method names, and the range over the pairs."""
    columns = [[100 * one[name] for one in group if name in one] for name in names]
    x, known = zip(*((x, values) for x, values in enumerate(columns) if values), strict=True)
    mean = [sum(values) / len(values) for values in known]
    (line,) = axes.plot(x, mean, look.marker, linestyle="-", color=look.colour, markersize=4)
    if band:
        lowest, highest = list(map(min, known)), list(map(max, known))
        axes.fill_between(x, lowest, highest, color=look.colour, alpha=0.12, linewidth=0)
    return line


def _names(axes: "Axes", names: Sequence[str]) -> None:
    """Names of tensors below the axis; of many the first of each few."""
    every = -(-len(names) // NAMED)
    shown = range(0, len(names), every)
    short_names = [names[place].removeprefix("network.") for place in shown]
    slanted: Any = {"rotation": 45, "ha": "right", "rotation_mode": "anchor", "fontsize": 8}
    axes.set_xticks(list(shown), short_names, **slanted)
    axes.set_xlim(-0.5, len(names) - 0.5)
