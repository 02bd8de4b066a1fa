"""Tables of the page: a family of scores each, the headline in sight, the others folded away."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from mu.reporting.section import Section
from mu.results.comparisons import Duel, duels, gains, idle, word
from mu.results.estimate import Estimate
from mu.results.format import (
    Limits,
    clipped,
    gap_interval,
    interval,
    limits_of_difference,
    number,
    percent,
    printable,
    shown_interval,
)
from mu.results.words import ORACLE

ACROSS = 4  # columns of numbers, intervals and gaps that fit the page side by side
MANY = 14  # scores all shown at once; of more, only the headline
FAMILIES = {
    "forgetting": "Forgetting: the target is the oracle's value",
    "attacks": "Attacks: the target is the oracle's value",
    "utility": "Utility: what must be kept",
    "distance": "Distance to the oracle: the target is their own",
    "cost": "Cost",
}


@dataclass(frozen=True)
class ScoreCell:
    """One cell of a table: the number, its interval, the gap and what is said about it."""

    main: str
    sub: str = ""
    gap: str = ""
    word: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the page: a caption, a title per column, a row of cells per method."""

    caption: str
    titles: list[str]
    rows: list[tuple[str, list[ScoreCell]]]


@dataclass(frozen=True)
class Tables:
    """The tables of a section: in sight, folded away, and of costs."""

    shown: list[Table]
    folded: list[Table]
    cost: list[Table]


def score_tables(section: Section) -> Tables:
    """Every score of a section, by family, in tables no wider than the page.

    With more than ``MANY`` scores only those of the headline are in sight.
    """
    scores = [metric for metric in section.metrics if section.family(metric) != "cost"]
    costs = [metric for metric in section.metrics if section.family(metric) == "cost"]
    shown = scores if len(scores) <= MANY else [m for m in scores if m in section.summary]
    folded = [metric for metric in scores if metric not in shown]
    return Tables(*(_by_family(section, chosen) for chosen in (shown, folded, costs)))


def nearer(section: Section) -> Table | None:
    """How much nearer to the oracle each row is than doing nothing; None with too few pairs."""
    found = gains(section.cards, section.headline, section.scores)
    if not found:
        return None
    metrics = [m for m in section.headline if any(m in own for own in found.values())]
    words = ("farther", "nearer")
    rows = [
        (method, [difference(own.get(m), words, section.limits(m)) for m in metrics])
        for method, own in found.items()
    ]
    base = idle(section.cards)
    caption = f"Nearer to the oracle than {base}: its distance minus the row's, pair by pair"
    return Table(caption, [section.title(metric) for metric in metrics], rows)


def against(section: Section) -> Table | None:
    """One row against every other; None where none is compared, or with too few pairs."""
    if section.compare is None:
        return None
    found = duels(section.cards, section.compare, section.headline, section.scores)
    if not found:
        return None
    metrics = [m for m in section.headline if any(m in own for own in found.values())]
    rows = [
        (other, [_duel(own.get(m), section.limits(m)) for m in metrics])
        for other, own in found.items()
    ]
    count = sum(map(len, found.values()))
    caption = (
        f"Is {printable(section.compare)} nearer to the oracle than each other row? That row's "
        f"distance minus its own, pair by pair; words at 5 % over these {count} comparisons (Holm)"
    )
    return Table(caption, [section.title(metric) for metric in metrics], rows)


def _duel(found: Duel | None, limits: Limits) -> ScoreCell:
    if found is None:
        return ScoreCell(number(None))
    shown = _ends(found.gain, limits)
    return ScoreCell(number(found.gain.mean, sign=True), shown, word=found.word)


def _ends(found: Estimate, limits: Limits) -> str:
    """The interval of a paired difference, as far as it can reach."""
    return interval(
        *clipped(found.mean, *found.interval(), limits_of_difference(limits)), sign=True
    )


def as_grid(table: Table, corner: str) -> list[list[str]]:
    """A table as rows of text, head first."""
    rows = [
        [name, *(" ".join(filter(None, (c.main, c.sub, c.word))) for c in cells)]
        for name, cells in table.rows
    ]
    return [[corner, *table.titles], *rows]


def difference(found: Estimate | None, words: tuple[str, str], limits: Limits = None) -> ScoreCell:
    """A paired difference with its interval, and what it says below and above 0.

    Args:
        found: The difference.
        words: For below and above.
        limits: The ``range`` of the score that differs.
    """
    if found is None or not found.n:
        return ScoreCell(number(None))
    main = number(found.mean, sign=True)
    if found.n < 2:
        return ScoreCell(main)
    return ScoreCell(main, _ends(found, limits), word=word(found, *words))


def _by_family(section: Section, metrics: Sequence[str]) -> list[Table]:
    found = []
    for family, caption in FAMILIES.items():
        own = [metric for metric in metrics if section.family(metric) == family]
        across = ceil(len(own) / max(1, ceil(len(own) / ACROSS)))
        for start in range(0, len(own), max(across, 1)):
            more = ", continued" if start else ""
            found.append(_table(section, own[start : start + across], caption + more))
    return found


def _table(section: Section, metrics: Sequence[str], caption: str) -> Table:
    alive = [method for method in section.methods if not section.error(method)]
    rows = [(m, [_cell(section, m, metric) for metric in metrics]) for m in alive]
    return Table(caption, [section.title(metric) for metric in metrics], rows)


def _cell(section: Section, method: str, metric: str) -> ScoreCell:
    row = section.row(method, metric)
    if row is None or row.mean is None:
        return ScoreCell(number(None))
    if metric.startswith("cost/passes"):
        return ScoreCell(percent(row.mean))
    bounds = interval(*shown_interval(row, section.limits(metric)))
    if section.kind(metric) == "cost" or row.gap is None or method == ORACLE:
        return ScoreCell(number(row.mean), bounds)
    return ScoreCell(
        number(row.mean), bounds, gap_interval(row, section.limits(metric)), row.verdict
    )
