"""How probabilities or losses are spread over groups of samples, per model."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

from mu.reporting.details import Details, mean_by_label
from mu.reporting.pictures.canvas import drawing, figure, panels, svg
from mu.reporting.pictures.look import COLOURS, GREY, INK, Looks, short
from mu.reporting.section import Section

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, ACROSS = 9.6, 4
# The colour, line and name of each group of pairs.
EDGES = {
    "forget": (COLOURS[1], "-", "forgotten edges"),
    "retain": (COLOURS[0], "--", "retained edges"),
    "test": (COLOURS[2], "-.", "test edges"),
    "non-edges": (GREY, ":", "test non-edges"),
}
SAMPLES = {
    "forget": (COLOURS[1], "-", "forgotten samples"),
    "retain": (COLOURS[0], "--", "retained samples"),
    "test": (COLOURS[2], "-.", "test samples"),
}
KNOWN = {name: SAMPLES[name] for name in ("forget", "test")}
# Places and names of ticks; the histogram of each kind has axes of its own.
TICKS: Mapping[str, tuple[list[float], list[str]]] = {
    "histograms": ([0, 0.5, 1], ["0", "½", "1"]),
    "loss_histograms": ([-6, -4, -2, 0], ["10⁻⁶", "10⁻⁴", "0.01", "1"]),
    "memorisation": ([-1, 0, 1], ["−1", "0", "1"]),
}
Groups = Mapping[str, tuple[str, str, str]]


def histograms(section: Section, looks: Looks) -> str:
    """A panel per model: share of forgotten, retained and unseen pairs by their probability.

    Means over the pairs of seed and forget set.
    """
    return _drawn(section, "histograms", EDGES, "probability of an edge", "share of pairs")


def loss_histograms(section: Section, looks: Looks) -> str:
    """A panel per model: share of forgotten, retained and test samples by their loss."""
    return _drawn(section, "loss_histograms", SAMPLES, "loss, nats", "share of samples")


def memorised(section: Section, looks: Looks) -> str:
    """A panel per model: share of forgotten and test samples by what is memorised of them."""
    across = "probability of the true class, minus that of models that never saw D_f"
    return _drawn(section, "memorisation", KNOWN, across, "share of samples")


def _drawn(section: Section, kind: str, groups: Groups, across: str, up: str) -> str:
    details = Details(section)
    found = {m: _spread(details, m, kind, groups) for m in details.methods}
    shown = [method for method, one in found.items() if one]
    if not shown:
        return ""
    with drawing():
        drawn, grid = grid_of(len(shown), 2.0)
        for axes, method in zip(grid, shown, strict=True):
            for name, (colour, line, text) in groups.items():
                edges, shares = found[method].get(name, ([], []))
                if shares:
                    axes.stairs(
                        shares, edges, color=colour, linestyle=line, linewidth=1.5, label=text
                    )
            axes.set_title(short(section.label(method)), fontsize=10, fontweight="bold")
            axes.set_yscale("log")
            axes.set_ylim(1e-3, 1)
            axes.set_yticks([1e-3, 1e-2, 1e-1, 1], ["0.001", "0.01", "0.1", "1"])
            axes.set_yticks([], minor=True)
            axes.set_xticks(*TICKS[kind])
        finish(drawn, grid, across, up)
        label = f"{section.name}: {up} by {across}, per model"
        return svg(drawn, f"{kind}-{section.key}", label)


def _spread(
    details: Details, method: str, kind: str, groups: Groups
) -> dict[str, tuple[list[float], list[float]]]:
    """Limits of the bins and mean share in each, by group."""
    entries = [details.of(pair, method, kind) for pair in details.pairs]
    entries = [entry for entry in entries if entry.get("edges")]
    if not entries:
        return {}
    edges = [float(x) for x in entries[0]["edges"]]
    found = {}
    for name in groups:
        bins = [
            dict(enumerate(e[name])) for e in entries if len(e.get(name) or ()) + 1 == len(edges)
        ]
        means = mean_by_label(bins)
        if len(means) + 1 == len(edges):
            found[name] = (edges, [means[i] for i in range(len(edges) - 1)])
    return found


def grid_of(count: int, height: float) -> "tuple[Any, Sequence[Axes]]":
    """A figure with a panel per model, four across, on common axes."""
    across, down = min(count, ACROSS), ceil(count / ACROSS)
    drawn = figure(min(WIDTH, 1.2 + 2.2 * across), height * down + 0.4)
    return drawn, panels(drawn, count, across, sharex=True, sharey=True)


def finish(drawn: Any, grid: "Sequence[Axes]", across: str, up: str) -> None:
    """Titles of the axes, where there are any, and one legend for all panels."""
    if across:
        drawn.supxlabel(across, fontsize=10, color=INK)
        drawn.supylabel(up, fontsize=10, color=INK)
    handles, names = grid[0].get_legend_handles_labels()
    drawn.legend(handles, names, loc="outside upper left", ncols=4, frameon=False)
