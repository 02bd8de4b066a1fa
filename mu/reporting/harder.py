"""Whether a set that was searched for is harder than a random one, and than that of one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any

from mu.reporting.layout import Results
from mu.reporting.scores import Cell, Table
from mu.reporting.section import REFERENCES, Record, failure
from mu.results.format import finite, interval, number, printable

SEEN = {"forget", "retain"}  # parts that some model was trained on
WORDS = {"oracle": ("lower", "higher"), "method": ("nearer", "farther")}
CAPTION = (
    "Against the set of {base}, pair by pair: {level} of the oracle, and {gap} of each method, "
    "each minus what it is on {base}. Lower: the oracle knows this set better, so it is hard to "
    "tell from one never forgotten; farther: the method ends farther from its oracle."
)
SIZES = 0.1  # sets whose sizes differ by a larger share are not compared
Values = Mapping[int, float]  # by pair
Scores = Mapping[str, Mapping[str, Any]]


def harder(results: Results) -> list[Table]:
    """A table a block and baseline, where models select; a row for each of the other sets."""
    found = []
    for entry in results.get("overlaps") or ():
        cards = [
            card
            for card in results["cards"]
            if card["block"] == entry["block"] and card["request"] in entry["names"]
        ]
        for base in entry.get("baselines") or ():
            alike = _of_size(base, entry["names"], cards)
            table = _against(base, alike, [c for c in cards if not failure(c)], results)
            found += [table] if table else []
    return found


def harder_grids(results: Results) -> list[tuple[str, list[list[str]]]]:
    """The same as captions and rows of text, head first."""
    return [
        (
            table.caption,
            [
                ["set", *table.titles],
                *(
                    [name, *(" ".join(filter(None, (c.main, c.sub, c.word))) for c in cells)]
                    for name, cells in table.rows
                ),
            ],
        )
        for table in harder(results)
    ]


def _of_size(base: str, names: list[str], cards: list[Record]) -> list[str]:
    """The sets about as large as that of the baseline: a larger one is harder or easier anyway."""
    sizes = {c["request"]: c["n_forget"] for c in cards}
    wanted = sizes.get(base, 0)
    return [n for n in names if abs(sizes.get(n, wanted) - wanted) <= SIZES * wanted]


def _against(base: str, names: list[str], cards: list[Record], results: Results) -> Table | None:
    panel = results["panel"].get(cards[0].get("panel")) if cards else None
    known = {name for card in cards for name in card["values"]}
    scores = {n: facts for n, facts in (panel or {}).get("scores", {}).items() if n in known}
    level, gap = _level(scores), _distance(scores)
    if level is None or gap is None:
        return None
    methods = [m for m in dict.fromkeys(c["method"] for c in cards) if m not in REFERENCES]
    columns: dict[str, tuple[str, str, Callable[[Record], object]]] = {
        "oracle": ("oracle", "oracle", lambda card: _mean(card["oracle"].get(level)))
    } | {m: (m, "method", lambda card: card["values"].get(gap)) for m in methods}
    rows = []
    for name in names:
        if name == base:
            continue
        cells = []
        for row, kind, read in columns.values():
            own, other = (
                {
                    int(c["pair"]): v
                    for c in cards
                    if c["method"] == row
                    and c["request"] == request
                    and (v := finite(read(c))) is not None
                }
                for request in (name, base)
            )
            cells.append(_cell(own, other, WORDS[kind]))
        rows.append((printable(name), cells))
    if not rows:
        return None
    titles = {"level": scores[level]["title"], "gap": scores[gap]["title"]}
    caption = CAPTION.format(base=printable(base), **titles)
    return Table(caption, [printable(name) for name in columns], rows)


def _level(scores: Scores) -> str | None:
    """The score that says what a model knows of the set: a forgetting one, without unseen data.

    The last, for panels go from accuracies, in which many sets are alike, to losses.
    """
    found = [
        name
        for name, facts in scores.items()
        if facts["family"] == "forgetting" and {"forget"} <= set(facts["reads"]) <= SEEN
    ]
    return _headline(found, scores)[-1] if found else None


def _distance(scores: Scores) -> str | None:
    """How far a method ends from its oracle: a summary, else the first distance on the set."""
    lower = {name: facts for name, facts in scores.items() if facts["better"] == "lower"}
    sums = [name for name, facts in lower.items() if facts["family"] == "summary"]
    apart = [
        name
        for name, facts in lower.items()
        if facts["family"] == "distance" and facts["reads"] == ["forget"]
    ]
    return next(iter([*sums, *_headline(apart, scores)]), None)


def _headline(names: list[str], scores: Scores) -> list[str]:
    """Those of the headline; all where none is."""
    return [name for name in names if scores[name]["headline"]] or names


def _mean(values: object) -> float | None:
    known = [v for v in map(finite, values or ()) if v is not None]  # type: ignore[call-overload]
    return fmean(known) if known else None


def _cell(own: Values, base: Values, words: tuple[str, str]) -> Cell:
    """Paired difference with its interval, and what it says."""
    differences = [own[pair] - base[pair] for pair in sorted(own) if pair in base]
    if not differences:
        return Cell(number(None))
    if len(differences) < 2:
        return Cell(number(differences[0], sign=True))
    from mu.results.intervals import interval as t_interval  # SciPy, which few pages need

    mean, low, high = t_interval(differences)
    word = words[0] if high < 0 else words[1] if low > 0 else "undecided"
    return Cell(number(mean, sign=True), interval(low, high, sign=True), word=word)
