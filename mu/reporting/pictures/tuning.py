"""The picture of a search for options: smallest objective so far, trial by trial."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mu.errors import UsageError
from mu.reporting.pictures.canvas import GREY, INK, drawing, figure, short, svg
from mu.results.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE = "tuning.json"
COLUMNS, WIDTH, ROW = 6, 9.6, 1.45


def read_tuning(folder: Path) -> dict[str, Any] | None:
    """The record that ``mu tune`` left in a folder of results, or None.

    Raises:
        UsageError: It cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        assert isinstance(found["searches"], list)
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise UsageError(f"{path} is no record of mu tune; delete it or tune again") from error
    return dict(found)


def with_tuning(results: Results, folder: Path) -> Results:
    """The results with the record that lies beside them, where there is one."""
    record = read_tuning(folder)
    return replace(results, tuning=record) if record else results


def with_trials(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Searches with at least one trial."""
    return [one for one in record["searches"] if one["trials"]]


def tuning(record: Mapping[str, Any]) -> str:
    """A small panel per method and kind of request: dots are trials, the line is the best so far.

    All panels share their axes, so that methods can be compared.
    """
    found = with_trials(record)
    if not found:
        return ""
    rows = -(-len(found) // COLUMNS)
    with drawing():
        drawn = figure(WIDTH, 0.5 + ROW * rows)
        grid = drawn.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
        panels = [axes for line in grid for axes in line]
        for axes, one in zip(panels, found, strict=False):
            _panel(axes, one)
        for axes in panels[len(found) :]:
            axes.axis("off")
        drawn.supxlabel("trial", fontsize=9)
        drawn.supylabel("average gap to the oracles", fontsize=9)
        return svg(drawn, "tuning", "Average gap to the oracles by trial, per method and request")


def _panel(axes: "Axes", one: Mapping[str, Any]) -> None:
    values = [trial["objective"] for trial in one["trials"]]
    numbers = range(1, len(values) + 1)
    failed = [trial["error"] is not None for trial in one["trials"]]
    for number, value, bad in zip(numbers, values, failed, strict=True):
        axes.plot([number], [value], "x" if bad else "o", color=GREY, markersize=3)
    axes.step(numbers, best_so_far(values), where="post", color=INK, linewidth=1.3)
    title = f"{short(one['method'])}\n{one['request']}"
    axes.set_title(title, fontsize=8)
    axes.set_ylim(0, 1)
    axes.tick_params(labelsize=7)


def best_so_far(values: Sequence[float]) -> list[float]:
    """The smallest value up to each place.

    >>> best_so_far([3.0, 1.0, 2.0])
    [3.0, 1.0, 1.0]
    """
    return [min(values[: place + 1]) for place in range(len(values))]
