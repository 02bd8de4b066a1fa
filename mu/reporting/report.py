"""What an experiment leaves in its folder, and how it is shown."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mu.reporting.latex import latex_table
from mu.reporting.table import csv_text, markdown_table, pairs_csv
from mu.results.results import Results, json_text
from mu.storing.whole_files import write_text

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 80


def write_report(
    results: Results, out: Path, page: Callable[[Results], str] | None = None
) -> list[Path]:
    """Write results.json, the CSV files, table.md, table.tex and report.html.

    Each is written all or nothing.

    Args:
        results: With rows and verdicts; numbers may be nan.
        out: The folder, made where it is missing.
        page: Gives the text of report.html, as `mu.reporting.page.html_page`, which is the default.

    Returns:
        The files written.
    """
    from mu.reporting.page import html_page

    out.mkdir(parents=True, exist_ok=True)
    makers = {
        "results.json": json_text,
        "results.csv": csv_text,
        "results_pairs.csv": pairs_csv,
        "table.md": markdown_table,
        "table.tex": latex_table,
        "report.html": page or html_page,
    }
    for name, maker in makers.items():
        write_text(out / name, maker(results))
    return [out / name for name in makers]


def print_report(results: Results, console: "Console") -> None:
    """Print the tables of the results, never wider than 80 columns nor than the console."""
    from mu.reporting.terminal import terminal_table

    console.print(terminal_table(results, min(console.width or WIDTH, WIDTH)))
