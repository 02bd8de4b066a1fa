"""The picture of a search for options: smallest objective so far, trial by trial."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mu.errors import UsageError
from mu.reporting.pictures.canvas import drawing, figure, panels, svg
from mu.reporting.pictures.look import GREY, INK, short
from mu.results.card import Facts
from mu.results.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS, WIDTH, ROW = 6, 9.6, 1.45


def with_tuning(results: Results, folder: Path) -> Results:
    """The results with the record that ``mu tune`` left beside them, where there is one.

    Raises:
        UsageError: It cannot be read.
    """
    path = folder / "tuning.json"
    if not path.is_file():
        return results
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        assert isinstance(found["searches"], list)
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise UsageError(f"{path} is no record of mu tune; delete it or tune again") from error
    return replace(results, tuning=found)


def tuning(record: Facts) -> str:
    """A small panel per method and kind of request: dots are trials, the line is the best so far.

    All panels share their axes, so that methods can be compared.
    """
    found = [one for one in record["searches"] if one["trials"]]
    if not found:
        return ""
    rows = -(-len(found) // COLUMNS)
    with drawing():
        drawn = figure(WIDTH, 0.5 + ROW * rows)
        grid = panels(drawn, len(found), COLUMNS, sharex=True, sharey=True)
        for axes, one in zip(grid, found, strict=True):
            _panel(axes, one)
        drawn.supxlabel("trial", fontsize=9)
        drawn.supylabel("average gap to the oracles", fontsize=9)
        return svg(drawn, "tuning", "Average gap to the oracles by trial, per method and request")


def _panel(axes: "Axes", one: Facts) -> None:
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
