"""Heat maps as tables: where forgotten data are predicted to be, and what is taken for what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mu.reporting.details import Details, by_label, mean_by_label, pair_title
from mu.reporting.section import Section
from mu.results.format import finite
from mu.results.words import ORACLE

MANY, SHOWN = 20, 10  # of more classes than MANY the SHOWN most predicted are columns
PAIRS = 3
STRONG = 0.85  # shares from here on are dark enough for white print
MATRIX = 20  # classes up to which a prediction matrix can be read

Shares = Mapping[int, float]


@dataclass(frozen=True)
class Shade:
    """One cell: per cent in words, and how dark it is (a share of 1)."""

    text: str
    level: str
    strong: bool


@dataclass(frozen=True)
class Heat:
    """A heat map: a title per column, a name and shaded cells per row.

    Attributes:
        marked: Titles of columns (and rows) that stand for forgotten classes.
        last: Title of a column of plain text behind the shaded ones, if any.
        folded: Whether it is shown on demand only.
    """

    caption: str
    corner: str
    columns: list[str]
    rows: list[tuple[str, list[Shade], str]]
    marked: list[str] = field(default_factory=list)
    last: str = ""
    folded: bool = False


def shade(value: float | None) -> Shade:
    """The cell of one share.

    >>> shade(0.873), shade(0.001).text, shade(0.0).text, shade(None).text
    (Shade(text='87', level='0.87', strong=True), '<1', '', '')
    """
    if value is None or value <= 0:
        return Shade("", "0", False)
    percent = 100 * min(value, 1.0)
    text = "<1" if percent < 0.5 else f"{percent:.0f}"
    return Shade(text, f"{min(value, 1.0):.2f}", value >= STRONG)


def distance(one: Shares, other: Shares) -> float:
    """Total variation distance of two distributions, 0 (the same) to 1 (nothing in common).

    >>> distance({0: 0.5, 1: 0.5}, {0: 0.5, 2: 0.5})
    0.5
    """
    labels = sorted({*one, *other})
    return sum(abs(one.get(label, 0.0) - other.get(label, 0.0)) for label in labels) / 2


def destinations(section: Section) -> list[Heat]:
    """Where forgotten data and test images of forgotten classes go, per method.

    Where all pairs forgot data of the same classes, or of all, shares are means over the pairs;
    else the first pairs have maps of their own, all but the first folded away.

    Returns:
        Up to two heat maps per group of pairs; empty where cards do not say.
    """
    details = Details(section)
    if not details.pairs:
        return []
    alike = len({(details.forgotten(pair), details.source(pair)) for pair in details.pairs}) == 1
    groups = [details.pairs] if alike else [[pair] for pair in details.pairs[:PAIRS]]
    found = []
    for pairs in groups:
        where = _where(details, pairs)
        for part, what in (("forget", "Forgotten data"), ("test", "Their classes' test images")):
            heat = _destinations(details, pairs, part, f"{what} ({where})")
            found += [replace(heat, folded=pairs is not groups[0])] if heat else []
    return found


def _where(details: Details, pairs: Sequence[int]) -> str:
    """Which pairs a map is of, and what they forgot."""
    text = "mean over the pairs" if len(pairs) > 1 else pair_title(pairs[0])
    forgotten, source = details.forgotten(pairs[0]), details.source(pairs[0])
    if forgotten:
        text += f", forgotten: {details.class_names(forgotten[:SHOWN])}"
        return text + (", …" if len(forgotten) > SHOWN else "")
    return text if source is None else f"{text}, from {details.class_name(source)}"


def _destinations(details: Details, pairs: Sequence[int], part: str, title: str) -> Heat | None:
    shares: dict[str, Shares] = {}
    for method in details.methods:
        known = [by_label(details.of(pair, method, "destinations"), part) for pair in pairs]
        if any(known):
            shares[method] = mean_by_label([entry for entry in known if entry])
    if not shares:
        return None
    labels = sorted({label for one in shares.values() for label in one})
    most = {c: max(one.get(c, 0.0) for one in shares.values()) for c in labels}
    used = [c for c in labels if most[c] > 0 or c in details.forgotten(pairs[0])]
    visible = used
    if len(used) > MANY:
        visible = sorted(sorted(used, key=lambda c: -most[c])[:SHOWN])
    rest = len(used) - len(visible)
    oracle = shares.get(ORACLE)
    rows = []
    for method, one in shares.items():
        cells = [shade(one.get(label)) for label in visible]
        if rest:
            cells.append(shade(sum(v for c, v in one.items() if c not in visible)))
        away = "" if oracle is None or method == ORACLE else f"{distance(one, oracle):.2f}"
        rows.append((details.section.label(method), cells, away))
    return Heat(
        title,
        "predicted as",
        [*map(details.class_name, visible), *([f"{rest} others"] if rest else [])],
        rows,
        [details.class_name(label) for label in details.forgotten(pairs[0])],
        "distance" if oracle is not None else "",
    )


def matrices(section: Section) -> list[Heat]:
    """True against predicted classes on the test set in the first pair: oracle, then methods."""
    details = Details(section)
    found = []
    for pair in details.pairs[:1]:
        forgotten = [details.class_name(label) for label in details.forgotten(pair)]
        for method in details.methods:
            entry = details.of(pair, method, "matrix")
            labels, lines = entry.get("labels") or (), entry.get("test") or ()
            if not 0 < len(labels) <= MATRIX or len(lines) != len(labels):
                continue
            names = [details.class_name(label) for label in labels]
            rows = [
                (name, [shade(finite(value)) for value in line or ()], "")
                for name, line in zip(names, lines, strict=True)
            ]
            caption = f"{details.section.label(method)} ({pair_title(pair)})"
            found.append(Heat(caption, "true", names, rows, forgotten))
    return found
