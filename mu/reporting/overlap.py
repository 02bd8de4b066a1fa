"""How far selections agree, as a heat map and as a table."""

from mu.reporting.pictures.heat import Heat, shade
from mu.results.format import finite, printable
from mu.results.results import Results

CAPTION = (
    "Overlap of the selected sets in per cent of the smaller one. With itself: over pairs of "
    "seeds, how far a selection repeats; with others: in the same pair, on average."
)


def overlap_maps(results: Results) -> list[Heat]:
    """One heat map a block in which models select; the last column is what chance would give."""
    found = []
    for entry in results.overlaps or ():
        names = [printable(name) for name in entry["names"]]
        chance = [f"{100 * line[place]:.0f}" for place, line in enumerate(entry["chance"])]
        shades = [[shade(finite(v)) for v in line] for line in entry["values"]]
        rows = list(zip(names, shades, chance, strict=True))
        found.append(Heat(CAPTION, "set", names, rows, last="chance"))
    return found


def overlap_tables(results: Results) -> list[list[list[str]]]:
    """The same as rows of text, head first."""
    found = []
    for heat in overlap_maps(results):
        head = [f"overlap of sets, {heat.corner}", *heat.columns, heat.last]
        rows = [
            [name, *(cell.text or "0" for cell in cells), last] for name, cells, last in heat.rows
        ]
        found.append([head, *rows])
    return found
