"""The results as Markdown and tidy CSV: pure functions of what ``results.json`` holds."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from mu.reporting.harder import harder_grids
from mu.reporting.layout import sections, shared_notes
from mu.reporting.legend import VERDICTS
from mu.reporting.overlap import CAPTION, overlap_tables
from mu.reporting.scores import against, as_grid
from mu.reporting.section import OTHER, Section
from mu.results.format import NOTHING, gap_interval, mean_interval, percent, printable
from mu.results.pairs import PairRow, pair_rows
from mu.results.results import Results
from mu.results.rows import COLUMNS
from mu.results.words import ORACLE, REFERENCES
from mu.trust.cells import csv_cell

TOGETHER = 10  # scores in one table; more are grouped by family
LEGEND = (
    "Values: mean [95 % interval over the pairs, shown as far as the score reaches, from 0 to 1 "
    "for a proportion; uncut in results.csv]. Gap: value minus the mean of the oracles, "
    "paired, with its 95 % interval, shown as far as a gap reaches. The target of every forgetting "
    "score is the oracle's value: beyond it is as bad as short of it. Passes: over samples, "
    f"relative to retraining. {VERDICTS}"
)


def csv_text(results: Results) -> str:
    """The aggregate rows as CSV with the columns of ``COLUMNS``; nothing where there is no number.

    Args:
        results: What ``results.json`` holds.

    Returns:
        One header line and one line per (request, step, method, metric).
    """
    return _csv(COLUMNS, ([getattr(row, column) for column in COLUMNS] for row in results.rows))


def pairs_csv(results: Results) -> str:
    """Every number of every pair as CSV, failed rows with their reason.

    Args:
        results: What ``results.json`` holds.

    Returns:
        The text of ``results_pairs.csv``: a header and one line per `PairRow`.
    """
    return _csv(PairRow._fields, pair_rows(results))


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([csv_cell(value) for value in row])
    return sink.getvalue()


def markdown_table(results: Results) -> str:
    """Every score of every method: verdicts, values and gaps, as GitHub Markdown.

    Args:
        results: What ``results.json`` holds.

    Returns:
        The text of ``table.md``.
    """
    found = sections(results)
    shared = shared_notes(found)
    blocks = [f"# {_md(results.title)}"]
    if results.description:
        blocks.append(_md(results.description))
    blocks += [_markdown_section(section, shared) for section in found]
    blocks += [f"Everywhere: {_md(note)}." for note in shared]
    blocks += comparisons(results)
    blocks.append(_md(LEGEND))
    if results.command:
        blocks.append("Made by `" + printable(results.command).replace("`", "'") + "`.")
    return "\n\n".join(blocks) + "\n"


def _markdown_section(section: Section, shared: Sequence[str]) -> str:
    tried = [method for method in section.methods if method not in REFERENCES]
    outcomes = [(method, section.outcome(method)) for method in tried]
    verdicts = [[method, outcome.word or NOTHING, outcome.reason] for method, outcome in outcomes]
    alive = [method for method in section.methods if not section.error(method)]
    blocks = [f"## {_md(section.name)}: {_md(section.subject)}", _md(section.size) + "."]
    if verdicts:
        blocks.append(_grid([["method", "verdict", "reason"], *verdicts]))
    for corner, metrics, cell in _grids(section):
        methods = [m for m in alive if m != ORACLE] if cell is _gap else alive
        body = [
            [section.label(m), *(cell(section, m, metric) for metric in metrics)] for m in methods
        ]
        blocks.append(_grid([[corner, *map(section.title, metrics)], *body]))
    if compared := against(section):
        blocks.append(f"{_md(compared.caption)}:\n\n{_grid(as_grid(compared, 'than'))}")
    notes = [f"- {_md(note)}" for note in section.notes if note not in shared]
    return "\n\n".join([*blocks, *(["\n".join(notes)] if notes else [])])


def _grids(section: Section) -> Iterator[tuple[str, list[str], Callable[..., str]]]:
    """Corner, scores and writer of each table; one per family where one for all is too wide."""
    families: dict[str, list[str]] = {}
    for metric in section.metrics:
        families.setdefault(section.family(metric), []).append(metric)
    costs = families.pop("cost", [])
    together = sum(map(len, families.values())) <= TOGETHER
    scores = [metric for metric in section.metrics if metric not in costs]
    groups = {"": scores} if together else {f"{name}: ": found for name, found in families.items()}
    for name, metrics in groups.items():
        if metrics:
            yield f"{name}value", metrics, _value
            yield f"{name}gap to the oracle", metrics, _gap
    if costs:
        yield "cost", costs, _cost


def _value(section: Section, method: str, metric: str) -> str:
    return mean_interval(section.row(method, metric), section.limits(metric))


def _gap(section: Section, method: str, metric: str) -> str:
    row = section.row(method, metric)
    text = gap_interval(row, section.limits(metric))
    return f"{text} {row.verdict}" if row and row.verdict and text != NOTHING else text


def _cost(section: Section, method: str, metric: str) -> str:
    if metric.startswith("cost/passes"):
        return percent(section.number(method, metric))
    return _value(section, method, metric)


def comparisons(results: Results) -> list[str]:
    """How selected sets compare and overlap, as Markdown; nothing where no model selects."""
    blocks = [f"{_md(caption)}\n\n{_grid(rows)}" for caption, rows in harder_grids(results)]
    return blocks + [_grid(rows) + f"\n\n{CAPTION}" for rows in overlap_tables(results)]


def _grid(rows: list[list[str]]) -> str:
    """Rows of cells, header first, as a Markdown table; the row of the oracle is bold."""
    lines = []
    for row in rows:
        cells = [_md(cell).replace("|", "\\|") for cell in row]
        if row[0] in (ORACLE, OTHER):
            cells = [f"**{cell}**" if cell else "" for cell in cells]
        lines.append("| " + " | ".join(cells) + " |")
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines)


def _md(text: object) -> str:
    """Text that Markdown shows as it is; underscores inside a word need no escape."""
    plain = printable(text).replace("\\", "\\\\").replace("](", "]\\(")
    plain = re.sub(r"[`*]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", plain)
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
