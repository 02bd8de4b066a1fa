"""What is said by comparing rows pair by pair: with doing nothing, each other, another set."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from mu.results.card import Card, Facts
from mu.results.estimate import Estimate
from mu.results.format import Limits, finite
from mu.results.words import NOT_METHODS, ORACLE, ORIGINAL, RANDOM, REFERENCES, UNLINKED

if TYPE_CHECKING:
    from mu.results.results import Results

ByPair = Mapping[int, float]
Scores = Mapping[str, Facts]
SEEN = {"forget", "retain"}  # parts that some model was trained on
LEVEL = 0.05
SIZES = 0.1  # sets whose sizes differ by a larger share are not compared


def paired(own: ByPair, base: ByPair) -> Estimate:
    """The mean of own − base over the pairs that have both, with its error."""
    from mu.results.intervals import estimate  # NumPy, which few pages need

    return estimate([own[pair] - base[pair] for pair in sorted(own) if pair in base])


def word(found: Estimate, below: str, above: str) -> str:
    """What a paired difference says: surely below 0, surely above, or ``undecided``."""
    low, high = found.interval()
    return above if low > 0 else below if high < 0 else "undecided"


def by_pair(cards: Iterable[Card], read: Callable[[Card], float | None]) -> dict[int, float]:
    """One number of each card that has it, by pair."""
    return {card.pair: value for card in cards if (value := read(card)) is not None}


def idle(cards: Iterable[Card]) -> str | None:
    """The row of doing nothing: that of unlinking alone where it is there, else the original's."""
    done = {card.method for card in cards if not card.error}
    return next((name for name in (UNLINKED, ORIGINAL) if name in done), None)


def did_nothing(own: Iterable[Card], others: Iterable[Card]) -> bool:
    """Whether every value of a row is, in every pair, that of the row of doing nothing.

    Costs do not count, nor how far the weights moved: what moves no prediction does nothing.

    Args:
        own: Cards of the row.
        others: Cards of the row of doing nothing.
    """
    base = {card.pair: _values(card) for card in others if not card.error}
    pairs = [(_values(card), base.get(card.pair)) for card in own if not card.error]
    return bool(pairs) and all(mine and mine == theirs for mine, theirs in pairs)


def _values(card: Card) -> dict[str, float | None]:
    left = ("cost/", "weight_distance")
    return {name: value for name, value in card.values.items() if not name.startswith(left)}


def gains(
    cards: Sequence[Card], metrics: Sequence[str], scores: Scores
) -> dict[str, dict[str, Estimate]]:
    """How much nearer to the oracle each row is than the row of doing nothing, by score.

    The distance of a score is |value − mean of the oracles| in each pair; of a score that is a
    distance to the oracles, its value. A gain is the distance of `idle` − that of the row: positive
    is nearer. With fewer than two pairs there is nothing to say.

    Args:
        cards: Those of one step of one request.
        metrics: The scores to compare.
        scores: What the panel says of them.

    Returns:
        Empty where no row does nothing.
    """
    done = [card for card in cards if not card.error]
    found: dict[str, dict[str, Estimate]] = {}
    base = idle(done)
    if base is None:
        return found
    for method in dict.fromkeys(card.method for card in done):
        if method in (*REFERENCES, base):
            continue
        for metric in metrics:
            better = scores.get(metric, {}).get("better")
            nothing, own = (_distances(done, name, metric, better) for name in (base, method))
            gain = paired(nothing, own)
            if gain.n > 1:
                found.setdefault(method, {})[metric] = gain
    return found


@dataclass(frozen=True)
class Duel:
    """One row against another on one score.

    Attributes:
        gain: The other's distance to the oracle − its own, over the pairs; positive is nearer.
        p: Of no difference, Holm-adjusted over all duels of a table.
    """

    gain: Estimate
    p: float

    @property
    def word(self) -> str:
        """``nearer``, ``farther`` or ``undecided``."""
        if not self.p < LEVEL:
            return "undecided"
        return "nearer" if self.gain.mean > 0 else "farther"


def duels(
    cards: Sequence[Card], row: str, metrics: Sequence[str], scores: Scores
) -> dict[str, dict[str, Duel]]:
    """One row against every other, by score; distances are those of `gains`.

    Args:
        cards: Those of one step of one request.
        row: The row that is compared.
        metrics: The scores to compare.
        scores: What the panel says of them.

    Returns:
        Other row → score → duel, where two pairs or more have both; empty without the row.
    """
    from mu.results.intervals import estimate, holm  # NumPy, which few pages need

    done = [card for card in cards if not card.error]
    units = {card.pair: (card.seed, card.forget_digest or card.pair) for card in done}
    found: dict[tuple[str, str], Estimate] = {}
    for other in dict.fromkeys(card.method for card in done):
        if other in (ORACLE, RANDOM, row):
            continue
        for metric in metrics:
            better = scores.get(metric, {}).get("better")
            own, theirs = (_distances(done, name, metric, better) for name in (row, other))
            both = sorted(own.keys() & theirs.keys())
            seeds, sets = [units[pair][0] for pair in both], [units[pair][1] for pair in both]
            gain = estimate([theirs[pair] - own[pair] for pair in both], seeds, sets)
            if gain.n > 1:
                found[other, metric] = gain
    adjusted = holm([gain.pvalue() for gain in found.values()])
    told: dict[str, dict[str, Duel]] = {}
    for ((other, metric), gain), p in zip(found.items(), adjusted, strict=True):
        told.setdefault(other, {})[metric] = Duel(gain, float(p))
    return told


def _distances(cards: Sequence[Card], method: str, metric: str, better: str | None) -> ByPair:
    """How far the values of a method are from the oracles of their pairs."""

    def distance(card: Card) -> float | None:
        value, oracles = card.number(metric), card.oracle_values(metric)
        if value is None or better == "lower":
            return value
        if better == "higher":
            return -value
        return abs(value - fmean(oracles)) if oracles else None

    return by_pair((card for card in cards if card.method == method), distance)


@dataclass(frozen=True)
class Contrast:
    """Sets against one of them, the baseline, pair by pair.

    Attributes:
        base: Name of the baseline.
        level: Title of the score that says what the oracle knows of a set.
        gap: Title of the score that says how far a method ends from its oracle.
        columns: The oracle, then the methods.
        limits: The ``range`` of the score of each column.
        rows: Another set, and a paired difference from the baseline per column.
    """

    base: str
    level: str
    gap: str
    columns: list[str]
    limits: list[Limits]
    rows: list[tuple[str, list[Estimate]]]


def contrasts(results: "Results") -> list[Contrast]:
    """One a block and baseline, where models select."""
    found = []
    for entry in results.overlaps or ():
        cards = [
            card
            for card in results.cards
            if card.block == entry["block"] and card.request in entry["names"]
        ]
        for base in entry.get("baselines") or ():
            names = [name for name in _of_size(base, entry["names"], cards) if name != base]
            done = [card for card in cards if not card.error]
            one = _contrast(base, names, done, results.scores(done[0])) if done and names else None
            found += [one] if one else []
    return found


def _of_size(base: str, names: Sequence[str], cards: Sequence[Card]) -> list[str]:
    """The sets about as large as that of the baseline: a larger one is harder or easier anyway."""
    sizes = {card.request: card.n_forget or 0 for card in cards}
    wanted = sizes.get(base, 0)
    return [n for n in names if abs(sizes.get(n, wanted) - wanted) <= SIZES * wanted]


def _contrast(base: str, names: list[str], cards: list[Card], scores: Scores) -> Contrast | None:
    known = {name for card in cards for name in card.values}
    scores = {name: facts for name, facts in scores.items() if name in known}
    level, gap = _level(scores), _gap(scores)
    if level is None or gap is None:
        return None
    methods = [m for m in dict.fromkeys(c.method for c in cards) if m not in NOT_METHODS]

    def read(card: Card) -> float | None:
        if card.method != ORACLE:
            return card.number(gap)
        values = card.oracle_values(level)
        return fmean(values) if values else None

    def of(method: str, request: str) -> dict[int, float]:
        return by_pair((c for c in cards if c.method == method and c.request == request), read)

    columns = [ORACLE, *methods]
    rows = [(name, [paired(of(one, name), of(one, base)) for one in columns]) for name in names]
    limits = [scores[level if one == ORACLE else gap].get("range") for one in columns]
    return Contrast(base, scores[level]["title"], scores[gap]["title"], columns, limits, rows)


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


def _gap(scores: Scores) -> str | None:
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


def search_gain(found: Sequence[Mapping[str, Any]]) -> Estimate:
    """Paired difference between a search and one pass: below 0, harder than one pass.

    Args:
        found: What the searches of the pairs report.
    """
    search, one_pass = (
        {pair: v for pair, one in enumerate(found) if (v := finite(one.get(name))) is not None}
        for name in ("value", "value_one_pass")
    )
    return paired(search, one_pass)
