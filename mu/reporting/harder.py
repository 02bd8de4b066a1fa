"""Whether a set that was searched for is harder than a random one, and than that of one pass."""

from mu.reporting.scores import Table, as_grid, difference
from mu.results.comparisons import Contrast, contrasts
from mu.results.format import printable
from mu.results.results import Results
from mu.results.words import ORACLE

CAPTION = (
    "Against the set of {base}, pair by pair: {level} of the oracle, and {gap} of each method, "
    "each minus what it is on {base}. Lower: the oracle knows this set better, so it is hard to "
    "tell from one never forgotten; farther: the method ends farther from its oracle."
)


def harder(results: Results) -> list[Table]:
    """A table a block and baseline, where models select; a row for each of the other sets."""
    return [_table(one) for one in contrasts(results)]


def _table(one: Contrast) -> Table:
    rows = [
        (printable(name), list(map(difference, found, map(_words, one.columns), one.limits)))
        for name, found in one.rows
    ]
    caption = CAPTION.format(base=printable(one.base), level=one.level, gap=one.gap)
    return Table(caption, [printable(name) for name in one.columns], rows)


def _words(name: str) -> tuple[str, str]:
    return ("lower", "higher") if name == ORACLE else ("nearer", "farther")


def harder_grids(results: Results) -> list[tuple[str, list[list[str]]]]:
    """The same as captions and rows of text, head first."""
    return [(table.caption, as_grid(table, "set")) for table in harder(results)]
