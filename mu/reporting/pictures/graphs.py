"""Where the nodes of a graph lie, per model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mu.reporting.details import Details
from mu.reporting.pictures.canvas import COLOURS, GREY, Look, drawing, short, svg
from mu.reporting.pictures.spread import finish, grid_of
from mu.reporting.section import Section
from mu.results.card import Facts
from mu.results.format import finite
from mu.results.words import ORIGINAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Looks = Mapping[str, Look]


def embedding(section: Section, looks: Looks) -> str:
    """A panel per model: some nodes on the two main axes of its embeddings, of the first pair."""
    details = Details(section)
    pair = next((p for p in details.pairs if details.of(p, ORIGINAL, "embedding").get("x")), None)
    if pair is None:
        return ""
    found = {m: details.of(pair, m, "embedding") for m in details.methods}
    shown = [method for method, entry in found.items() if _is_map(entry)]
    if not shown:
        return ""
    with drawing():
        drawn, grid = grid_of(len(shown), 2.2)
        for axes, method in zip(grid, shown, strict=False):
            _map(axes, found[method])
            axes.set_title(short(section.label(method)), fontsize=10, fontweight="bold")
        finish(drawn, grid, len(shown), "", "")
        label = f"{section.name}: where nodes lie before and after, per model"
        return svg(drawn, f"embedding-{section.key}", label)


def _is_map(entry: Facts) -> bool:
    columns = [entry.get(name) or () for name in ("x", "y", "forgotten")]
    numbers = all(finite(v) is not None for column in columns for v in column)
    return numbers and len(columns[0]) > 0 and len({len(column) for column in columns}) == 1


def _map(axes: "Axes", entry: Facts) -> None:
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
