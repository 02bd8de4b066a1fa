"""The picture of where in a network a method changed parameters: share selected in each tensor."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mu.reporting.details import Details, mapping
from mu.reporting.pictures.canvas import Look, drawing, figure, short, svg
from mu.reporting.section import Section
from mu.results.format import finite

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 9.6, 3.6
NAMED = 26  # tensors up to which each is named
BANDS = 4  # methods up to which bands can be told apart
LINEAR = 0.1  # per cent below which the axis is linear, so that 0 has a place
Looks = Mapping[str, Look]


def selected_shares(section: Section) -> dict[str, list[dict[str, float]]]:
    """Share of each tensor's elements that a method selected, for methods whose cards say so.

    Returns:
        Method → one mapping a pair, from the tensor's name to the share, in the network's order.
    """
    details = Details(section)
    found: dict[str, list[dict[str, float]]] = {}
    for method in details.methods:
        for pair in details.pairs:
            card = details.card(pair, method)
            layers = mapping(card.facts.get("layers")) if card else {}
            own = {str(n): v for n, given in layers.items() if (v := finite(given)) is not None}
            if own:
                found.setdefault(method, []).append(own)
    return found


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
            _line(axes, names, group, short(section.label(method)), looks[method])
            if len(found) <= BANDS:
                _band(axes, names, group, looks[method])
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
    axes: "Axes", names: Sequence[str], group: Sequence[Mapping[str, float]], text: str, look: Look
) -> None:
    """Per cent of each tensor; a tensor that a method does not name is a gap."""
    x, known = _known(names, group)
    mean = [sum(values) / len(values) for values in known]
    axes.plot(x, mean, look.marker, linestyle="-", color=look.colour, markersize=4, label=text)


def _band(
    axes: "Axes", names: Sequence[str], group: Sequence[Mapping[str, float]], look: Look
) -> None:
    """From the smallest to the largest share of a pair."""
    x, known = _known(names, group)
    lowest, highest = ([f(values) for values in known] for f in (min, max))
    axes.fill_between(x, lowest, highest, color=look.colour, alpha=0.12, linewidth=0)


def _known(
    names: Sequence[str], group: Sequence[Mapping[str, float]]
) -> tuple[list[int], list[list[float]]]:
    """Places of the tensors that are named, and their per cent in each pair."""
    columns = [[100 * one[name] for one in group if name in one] for name in names]
    places = [place for place, values in enumerate(columns) if values]
    return places, [columns[place] for place in places]


def _names(axes: "Axes", names: Sequence[str]) -> None:
    """Names of tensors below the axis; of many the first of each few."""
    every = -(-len(names) // NAMED)
    shown = range(0, len(names), every)
    axes.set_xticks(list(shown), [shortened(names[place]) for place in shown], rotation=45)
    for text in axes.get_xticklabels():
        text.set_horizontalalignment("right")
        text.set_rotation_mode("anchor")
        text.set_fontsize(8)
    axes.set_xlim(-0.5, len(names) - 0.5)


def shortened(name: str) -> str:
    """A tensor's name without what all share.

    >>> shortened("network.layers.0.conv1.weight")
    'layers.0.conv1.weight'
    """
    return name.removeprefix("network.")
