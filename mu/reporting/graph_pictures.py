"""Pictures of link predictors: how probabilities are spread, and where nodes lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

from mu.reporting.canvas import COLOURS, GREY, INK, Look, drawing, figure, short, svg
from mu.reporting.details import Details, mean_by_label
from mu.reporting.format import finite
from mu.reporting.section import Record, Section

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, ACROSS = 9.6, 4
# The colour, line and name of each group of pairs.
GROUPS = {
    "forget": (COLOURS[1], "-", "forgotten edges"),
    "retain": (COLOURS[0], "--", "retained edges"),
    "test": (COLOURS[2], "-.", "test edges"),
    "non-edges": (GREY, ":", "test non-edges"),
}
Looks = Mapping[str, Look]


def histograms(section: Section, looks: Looks) -> str:
    """A panel per model: share of forgotten, retained and unseen pairs by their probability.

    Means over the pairs of seed and forget set.
    """
    details = Details(section)
    found = {m: _spread(details, m) for m in details.methods}
    shown = [method for method, groups in found.items() if groups]
    if not shown:
        return ""
    with drawing():
        drawn, grid = _grid(len(shown), 2.0)
        for axes, method in zip(grid, shown, strict=False):
            for name, (colour, line, text) in GROUPS.items():
                edges, shares = found[method].get(name, ([], []))
                if shares:
                    axes.stairs(
                        shares, edges, color=colour, linestyle=line, linewidth=1.5, label=text
                    )
            axes.set_title(short(section.label(method)), fontsize=10, fontweight="bold")
            axes.set_yscale("log")
            axes.set(xlim=(0, 1), ylim=(1e-3, 1))
            axes.set_yticks([1e-3, 1e-2, 1e-1, 1], ["0.001", "0.01", "0.1", "1"])
            axes.set_yticks([], minor=True)
            axes.set_xticks([0, 0.5, 1], ["0", "½", "1"])
        _finish(drawn, grid, len(shown), "probability of an edge", "share of pairs")
        label = f"{section.name}: probabilities of forgotten, retained and unseen pairs, per model"
        return svg(drawn, f"histograms-{section.key}", label)


def _spread(details: Details, method: str) -> dict[str, tuple[list[float], list[float]]]:
    """Limits of the bins and mean share in each, by group."""
    entries = [details.of(pair, method, "histograms") for pair in details.pairs]
    entries = [entry for entry in entries if entry.get("edges")]
    if not entries:
        return {}
    edges = [float(x) for x in entries[0]["edges"]]
    found = {}
    for name in GROUPS:
        bins = [
            dict(enumerate(e[name])) for e in entries if len(e.get(name) or ()) + 1 == len(edges)
        ]
        means = mean_by_label(bins)
        if len(means) + 1 == len(edges):
            found[name] = (edges, [means[i] for i in range(len(edges) - 1)])
    return found


def embedding(section: Section, looks: Looks) -> str:
    """A panel per model: some nodes on the two main axes of its embeddings, of the first pair."""
    details = Details(section)
    pair = next((p for p in details.pairs if details.of(p, "original", "embedding").get("x")), None)
    if pair is None:
        return ""
    found = {m: details.of(pair, m, "embedding") for m in details.methods}
    shown = [method for method, entry in found.items() if _is_map(entry)]
    if not shown:
        return ""
    with drawing():
        drawn, grid = _grid(len(shown), 2.2)
        for axes, method in zip(grid, shown, strict=False):
            _map(axes, found[method])
            axes.set_title(short(section.label(method)), fontsize=10, fontweight="bold")
        _finish(drawn, grid, len(shown), "", "")
        label = f"{section.name}: where nodes lie before and after, per model"
        return svg(drawn, f"embedding-{section.key}", label)


def _is_map(entry: Record) -> bool:
    columns = [entry.get(name) or () for name in ("x", "y", "forgotten")]
    numbers = all(finite(v) is not None for column in columns for v in column)
    return numbers and len(columns[0]) > 0 and len({len(column) for column in columns}) == 1


def _map(axes: Axes, entry: Record) -> None:
    """Nodes as dots, those a request touches in colour, forgotten edges between them as lines."""
    x, y = entry["x"], entry["y"]
    for first, second in entry.get("pairs") or ():
        axes.plot(
            [x[first], x[second]], [y[first], y[second]], color=COLOURS[1], linewidth=0.8, alpha=0.6
        )
    for touched, colour, size, text in (
        (0, GREY, 5, "other nodes"),
        (1, COLOURS[1], 12, "nodes and edges of the request"),
    ):
        places = [i for i, one in enumerate(entry["forgotten"]) if bool(one) == bool(touched)]
        axes.scatter(
            [x[i] for i in places],
            [y[i] for i in places],
            s=size,
            color=colour,
            label=text,
            zorder=2,
        )
    axes.set(xticks=[], yticks=[])


def _grid(count: int, height: float) -> tuple[Any, Sequence[Axes]]:
    across, down = min(count, ACROSS), ceil(count / ACROSS)
    drawn = figure(min(WIDTH, 1.2 + 2.2 * across), height * down + 0.4)
    grid = drawn.subplots(down, across, squeeze=False, sharex=True, sharey=True).ravel()
    for axes in grid[count:]:
        axes.set_axis_off()
    return drawn, list(grid)


def _finish(drawn: Any, grid: Sequence[Axes], count: int, across: str, up: str) -> None:
    if across:
        drawn.supxlabel(across, fontsize=10, color=INK)
        drawn.supylabel(up, fontsize=10, color=INK)
    handles, names = grid[0].get_legend_handles_labels()
    drawn.legend(handles, names, loc="outside upper left", ncols=4, frameon=False)
