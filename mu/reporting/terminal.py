"""The results in a terminal: one small table per request, never wider than asked, never cut."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich.cells import cell_len, chop_cells
from rich.console import Group
from rich.text import Text

from mu.reporting.layout import sections, shared_notes, shown
from mu.reporting.legend import VERDICTS
from mu.reporting.scores import against
from mu.reporting.section import Section
from mu.results.format import percent, plural, plus_minus, printable
from mu.results.results import Results
from mu.results.words import DIFFERS, INSIDE, LIKE, NOT_METHODS, OPEN, ORACLE

LEGEND = (
    "± half the 95 % interval over the pairs. The target of every forgetting score is the "
    "oracle's value: beyond it is as bad as short of it. passes: over samples, relative to "
    f"retraining. A gap is the value minus the oracle's. {VERDICTS}"
)
STYLES = {"failed": "bold red", DIFFERS: "red", INSIDE: "yellow", LIKE: "green", OPEN: "yellow"}
LABEL_WIDTH = 21
BETWEEN = 2


def terminal_table(results: Results, width: int = 80) -> Group:
    """One table per request and step, for a rich console.

    Of a sequence longer than three steps only the first and the last are shown.

    Args:
        results: What ``results.json`` holds.
        width: Columns that no line exceeds; scores that do not fit side by side go into a second
            table below the first.

    Returns:
        A rich renderable of plain lines, at most ``width`` columns each.
    """
    found = sections(results)
    visible, shared = shown(found), shared_notes(found)
    lines = _flow(printable(results.title), width, "bold")
    for section in visible:
        lines += [Text(), *_heading(section, width), *_table(section, shared, width)]
    lines.append(Text())
    if len(visible) < len(found):
        hidden = plural(len(found) - len(visible), "step")
        text = f"Left out here: {hidden} of sequences, to be found in table.md and report.html."
        lines += _flow(text, width, "dim")
    for note in shared:
        lines += _flow(f"Everywhere: {note}.", width, "dim")
    weighed = " MB: peak memory." if any(line.plain.endswith(" MB") for line in lines) else ""
    lines += _flow(LEGEND + weighed, width, "dim")
    return Group(*lines)


def _flow(text: str, width: int, style: str = "", label: str = "", indent: int = 0) -> list[Text]:
    """Wrapped lines with a hanging indent after the label; wide characters count as two."""
    chunks = wrap(label.ljust(indent) + text, width, subsequent_indent=" " * indent) or [""]
    lines = [piece for chunk in chunks for piece in chop_cells(chunk, width)]
    return [Text(line, style=style) for line in lines]


def _heading(section: Section, width: int) -> list[Text]:
    first = f"{section.name}: {section.subject}"
    return [*_flow(first, width, "bold cyan"), *_flow(section.size, width, "dim")]


def _table(section: Section, shared: Collection[str], width: int) -> list[Text]:
    """The grid of numbers, then a line per verdict, then what else must be known."""
    lines: list[Text] = []
    for grid in _arrangement(section, width):
        lines += [*([Text()] if lines else []), *_drawn(section, grid, width)]
    names = [cell_len(section.label(method)) for method in section.methods]
    indent = min(max(names, default=0), LABEL_WIDTH) + BETWEEN
    for method in section.methods:
        outcome = section.outcome(method)
        text = ": ".join(part for part in (outcome.word, outcome.reason) if part)
        if text and not section.error(method):
            style = STYLES.get(outcome.word, "dim")
            lines += _flow(text, width, style, section.label(method) + " " * BETWEEN, indent)
    lines += _duels(section, width, indent)
    for note in section.notes:
        if note not in shared:
            lines += _flow(note, width, "dim", "note  ", indent)
    return lines


def _duels(section: Section, width: int, indent: int) -> list[Text]:
    """A line for each row that one is compared with: the scores by what is said of them."""
    table = against(section)
    if table is None:
        return []
    lines = _flow(f"{table.caption}:", width)
    for other, cells in table.rows:
        told: dict[str, list[str]] = {}
        for title, cell in zip(table.titles, cells, strict=True):
            told.setdefault(cell.word, []).append(f"{title} ({cell.main})")
        text = "; ".join(f"{word}: {', '.join(named)}" for word, named in told.items() if word)
        lines += _flow(text, width, "", section.label(other) + " " * BETWEEN, indent)
    return lines


@dataclass(frozen=True)
class Grid:
    """Columns of cells, header first; the first column holds the names of the methods."""

    columns: list[list[str]]
    gap: int = 2

    @property
    def widths(self) -> list[int]:
        """Width of each column; a very long name gets a line of its own instead."""
        widths = [max(map(cell_len, column)) for column in self.columns]
        return [min(widths[0], LABEL_WIDTH), *widths[1:]]

    @property
    def width(self) -> int:
        """Width of a whole line."""
        return sum(self.widths) + self.gap * (len(self.columns) - 1)


def _arrangement(section: Section, width: int) -> list[Grid]:
    """The roomiest way to write the headline scores that fits: one grid, or several below."""
    scores = section.headline
    roomy = Grid([*_columns(section, scores, " ± "), *_memory(section)])
    if roomy.width <= width:
        return [roomy]
    for sign, gap in ((" ± ", 2), ("±", 2), ("±.", 1)):
        grid = Grid(_columns(section, scores, sign), gap)
        if grid.width <= width:
            return [grid]
    grids: list[Grid] = []
    for size in range(len(scores) - 1, 0, -1):
        chunks = [scores[i : i + size] for i in range(0, len(scores), size)]
        grids = [Grid(_columns(section, chunk, "±")) for chunk in chunks]
        if all(grid.width <= width for grid in grids):
            break
    return grids


def _columns(section: Section, scores: Sequence[str], sign: str) -> list[list[str]]:
    methods = section.methods
    columns = [["", *map(section.label, methods)]]
    for score in scores:
        cells = [plus_minus(section.row(method, score), sign) for method in methods]
        columns.append([section.title(score), *cells])
    passes = [section.number(method, "cost/passes") for method in methods]
    if any(one is not None for one in passes):
        columns.append(["passes", *map(percent, passes)])
    return columns


def _memory(section: Section) -> list[list[str]]:
    """A column of peak memory, where it is known of a row; the tables of a report have it, too."""
    return [["MB", *map(section.memory, section.methods)]] if section.weighed else []


def _drawn(section: Section, grid: Grid, width: int) -> list[Text]:
    """The lines of one grid between two rules; a failed method has its reason for numbers."""
    header, *rows = zip(*grid.columns, strict=True)
    label_width = grid.widths[0]
    rule = Text("─" * min(grid.width, width), style="dim")
    lines = [Text(_line(header, grid), style="dim"), rule]
    for method, cells in zip(section.methods, rows, strict=True):
        name = cells[0]
        if section.error(method):
            outcome, label = section.outcome(method), name + " " * BETWEEN
            said, style = f"{outcome.word}: {outcome.reason}", STYLES.get(outcome.word, "dim")
            lines += _flow(said, width, style, label, label_width + BETWEEN)
            continue
        style = "bold" if method == ORACLE else "dim" if method in NOT_METHODS else ""
        if cell_len(name) > label_width:
            lines += _flow(name, width, style)
            name = ""
        lines.append(Text(_line((name, *cells[1:]), grid), style=style))
    return [*lines, rule]


def _line(cells: Sequence[str], grid: Grid) -> str:
    """One row: the name to the left, numbers to the right."""
    pads = [" " * (size - cell_len(cell)) for cell, size in zip(cells, grid.widths, strict=True)]
    numbers = [pad + cell for pad, cell in zip(pads[1:], cells[1:], strict=True)]
    return (" " * grid.gap).join([cells[0] + pads[0], *numbers]).rstrip()
