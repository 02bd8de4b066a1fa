"""Two sets of results, number by number: the same bits, inside a tolerance, or outside."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from mu.results.card import Card
from mu.results.results import Results
from mu.results.rows import Row
from mu.results.tolerance import Tolerance

SAME, INSIDE, OUTSIDE = "same bits", "inside", "outside"
MISSING, OPEN, COST = "missing", "not judged", "cost"
WORDS = (SAME, INSIDE, OUTSIDE, MISSING, OPEN)
MACHINE = ("cost/seconds", "cost/memory")  # scores that another run need not repeat
RELATIVE = 1e-9  # what counts as the same bits: far below any effect
SETTING = ("fingerprint", "forget_digest", "seed", "recipe_config", "method_config", "commit")


@dataclass(frozen=True)
class Number:
    """One number of the original and what became of it.

    Attributes:
        block: Number of the block of the experiment.
        request: Name of the request.
        step: Number of the request in its sequence.
        method: Name of the row.
        pair: Number of the pair, or None for the mean over the pairs.
        score: Name of the score.
        original: Its value; None where there is none.
        found: The value found now; None where there is none.
        allowed: Largest deviation that counts as reproduced; None where nothing says so.
        word: One of `WORDS`, or "cost" for what is shown and not judged.
    """

    block: int
    request: str
    step: int
    method: str
    pair: int | None
    score: str
    original: float | None
    found: float | None
    allowed: float | None = None
    word: str = OPEN

    @property
    def deviation(self) -> float | None:
        """Found minus original."""
        if self.original is None or self.found is None:
            return None
        return self.found - self.original

    @property
    def badness(self) -> float:
        """How bad: the deviation in units of what is allowed; infinite where a value is lost."""
        deviation = self.deviation
        if deviation is None:
            return math.inf if self.word in (OUTSIDE, MISSING) else 0.0
        return abs(deviation) / max(self.allowed or 0.0, RELATIVE)

    def record(self) -> dict[str, Any]:
        """Everything as plain data."""
        return asdict(self) | {"deviation": self.deviation}


def compare(old: Results, new: Results, tolerance: Tolerance) -> list[Number]:
    """Every number of ``old`` beside its like in ``new``; values of cards, then means.

    Means are judged where not all of their values had to be the same bits.

    Args:
        old: The original, as `read_results` returns it.
        new: What was found now.
        tolerance: What counts as reproduced.
    """
    cards = {_cell(card): card for card in new.cards}
    rows = {(*_row(row), row.metric): row for row in old.rows}
    numbers: list[Number] = []
    elsewhere: set[tuple[Any, ...]] = set()
    for card in old.cards:
        if card.error:
            continue
        like = cards.get(_cell(card))
        for number in _of_card(card, like):
            name = (*_row(card), number.score)
            bits = tolerance.expects_bits(card, like, number.score)
            margin = old.scores(card).get(number.score, {}).get("margin")
            allowed = 0.0 if bits else tolerance.of_pair(number.score, margin, rows.get(name))
            numbers.append(judged(number, allowed))
            if not bits and number.word != MISSING:
                elsewhere.add(name)
    return numbers + list(_means(old, new, tolerance, elsewhere))


def _row(one: Card | Row) -> tuple[int, str, int, str]:
    return (*one.place, one.method)


def _cell(card: Card) -> tuple[int, str, int, str, int]:
    return (*_row(card), card.pair)


def _of_card(card: Card, like: Card | None) -> Iterator[Number]:
    """The numbers of a card beside those of its like, if there is one that did not fail."""
    done = like if like is not None and not like.error else None
    for score in card.values:
        found = done.number(score) if done else None
        number = Number(*_cell(card), score, card.number(score), found)
        yield number if done and score in done.values else replace(number, word=MISSING)


def _means(
    old: Results, new: Results, tolerance: Tolerance, wanted: set[tuple[Any, ...]]
) -> Iterator[Number]:
    found = {(*_row(row), row.metric): row.mean for row in new.rows}
    for row in old.rows:
        name = (*_row(row), row.metric)
        if name in wanted and name in found:
            number = Number(*_row(row), None, row.metric, row.mean, found[name])
            margin = old.scores(row).get(row.metric, {}).get("margin")
            yield judged(number, tolerance.of_mean(row.metric, margin, row))


def judged(number: Number, allowed: float | None) -> Number:
    """The same number with its word.

    Example:
        >>> one = Number(0, "class", 0, "ssd", 0, "ua", 0.95, 0.96)
        >>> judged(one, 0.02).word, judged(one, 0.0).word, judged(one, None).word
        ('inside', 'outside', 'not judged')
    """
    then, now = number.original, number.found
    if number.score.startswith(MACHINE):
        return replace(number, word=COST)
    if number.word == MISSING:
        return number
    if then is None or now is None:
        word = SAME if then is now else OUTSIDE
    elif math.isclose(then, now, rel_tol=RELATIVE, abs_tol=1e-12):
        word = SAME
    elif allowed is None:
        word = OPEN
    else:
        word = INSIDE if abs(now - then) <= allowed else OUTSIDE
    return replace(number, allowed=allowed, word=word)


def notes(old: Results, new: Results) -> list[str]:
    """What else differs between the two: cards, settings, environment."""
    cards = {_cell(card): card for card in new.cards}
    pairs = [(c, cards[_cell(c)]) for c in old.cards if _cell(c) in cards]
    said = []
    if lost := sum(_cell(card) not in cards for card in old.cards):
        said.append(f"{lost} of {len(old.cards)} cards are missing")
    if extra := len(cards.keys() - {_cell(card) for card in old.cards}):
        said.append(f"{extra} cards are new")
    if failed := sum(bool(card.error) for card in old.cards):
        said.append(f"{failed} cards had failed in the original; there is nothing to compare")
    for name in SETTING:
        values = [(getattr(a, name), getattr(b, name)) for a, b in pairs]
        known = [both for both in values if None not in both]
        if many := sum(a != b for a, b in known):
            said.append(f"{name} differs on {many} of {len(known)} cards")
    return said


def score_names(results: Results) -> list[str]:
    """Every score the cards of results have."""
    return list(dict.fromkeys(score for card in results.cards for score in card.values))
