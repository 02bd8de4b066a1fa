"""What an experiment leaves in its folder, and how it is read and shown again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mu.errors import UsageError
from mu.reporting.latex import latex_table
from mu.reporting.layout import Results
from mu.reporting.table import csv_text, markdown_table
from mu.results.files import write_text
from mu.results.legacy import complete, original

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = 1
WIDTH = 80
FIELDS: dict[str, type] = {
    "experiment": str,
    "title": str,
    "panel": dict,
    "cards": list,
    "rows": list,
    "verdicts": list,
}


class ResultsError(UsageError, ValueError):
    """A folder holds no results that this version can read."""


def write_report(results: Results, out: Path) -> list[Path]:
    """Write results.json, results.csv, table.md, table.tex and report.html, each all or nothing.

    Args:
        results: ``schema``, ``experiment``, ``title``, ``description``, ``command``, ``panel`` (by
            name), the lists ``cards``, ``rows`` and ``verdicts``, and, where they are known,
            ``classes`` (names of classes by data set) and ``overlaps`` (of selected sets); numbers
            may be nan.
        out: The folder, made where it is missing.

    Returns:
        The files written.
    """
    from mu.reporting.page import html_page

    out.mkdir(parents=True, exist_ok=True)
    makers = {
        "results.json": json_text,
        "results.csv": csv_text,
        "table.md": markdown_table,
        "table.tex": latex_table,
        "report.html": html_page,
    }
    for name, maker in makers.items():
        write_text(out / name, maker(results))
    return [out / name for name in makers]


def json_text(results: Results) -> str:
    """The results as strict JSON: what is not a finite number becomes null.

    Of kept results it is what their file held: facts that `read_results` has added are left out.
    """
    return (
        json.dumps(strict(original(results)), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    )


def strict(value: Any) -> Any:
    """The value as JSON has it: texts as keys, lists, and null for what is not a finite number."""
    if isinstance(value, Mapping):
        return {str(key): strict(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(entry) for entry in value]
    if hasattr(value, "tolist"):  # numpy, which need not be imported for that
        return strict(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_results(path: Path) -> dict[str, Any]:
    """Read what `write_report` wrote.

    Args:
        path: The folder of an experiment, or its ``results.json``.

    Returns:
        The results; where there was no finite number, None. Every score has all its facts.

    Raises:
        ResultsError: When there is no such file, it is not JSON, or its schema is unknown.
    """
    file = path / "results.json" if path.is_dir() or path.suffix != ".json" else path
    try:
        results: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        kind = "no results.json in" if path.is_dir() else "no such folder or file:"
        raise ResultsError(f"{kind} {path}") from None
    except OSError as error:
        raise ResultsError(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:
        raise ResultsError(f"{file} is not JSON: {error}") from None
    schema = results.get("schema") if isinstance(results, dict) else None
    if schema != SCHEMA:
        raise ResultsError(f"{file} has schema {schema!r}; this version reads schema {SCHEMA}")
    for field, wanted in FIELDS.items():
        if not isinstance(results.get(field), wanted):
            raise ResultsError(f"{file} has no {field} ({wanted.__name__} expected)")
    return complete(results)


def print_report(results: Results, console: Console) -> None:
    """Print the tables of the results, never wider than 80 columns nor than the console."""
    from mu.reporting.terminal import terminal_table

    console.print(terminal_table(results, min(console.width, WIDTH)))
