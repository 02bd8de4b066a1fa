"""How many pairs tell the original from retrained models, and how many recognise one of these."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mu.results.card import Card
from mu.results.evidence import Evidence, Panel, evidence_tables
from mu.results.judgement import FEWEST, Judged, judge
from mu.results.rule import pairs_to_recognise, pairs_to_tell
from mu.results.sentences import stand_in
from mu.results.words import NULL, ORIGINAL


@dataclass(frozen=True)
class Needed:
    """About how many pairs one decisive score asks for.

    Attributes:
        title: Of the score.
        tell: To tell the original from the oracles; None where no number of pairs does.
        recognise: To call a retrained model like the oracle; None where nobody knows: with one
            pair, or without the null row and a third oracle.
        power: Whether the pairs that are done tell the original from the oracles; None: unknown.
    """

    title: str
    tell: int | None
    recognise: int | None
    power: bool | None


@dataclass(frozen=True)
class Power:
    """What the finished pairs of a request say of how many are needed.

    Attributes:
        pairs: How many are finished.
        scores: The decisive scores, in the order of the panel.
        missing: Titles of decisive scores without a value: no row can be like the oracle.
    """

    pairs: int
    scores: Sequence[Needed]
    missing: Sequence[str] = ()

    @property
    def tell(self) -> Needed | None:
        """The score that takes the most pairs to tell the original; None where one never does."""
        return _most(self.scores, [one.tell for one in self.scores])

    @property
    def recognise(self) -> Needed | None:
        """The score that takes the most pairs to recognise a retrained model; None if unknown."""
        return _most(self.scores, [one.recognise for one in self.scores])

    @property
    def blind(self) -> list[Needed]:
        """Scores by which the finished pairs do not tell the original."""
        return [one for one in self.scores if one.power is False]


def _most(scores: Sequence[Needed], wanted: Sequence[int | None]) -> Needed | None:
    known = [number for number in wanted if number is not None]
    if not known or len(known) < len(scores):
        return None
    return scores[known.index(max(known))]


def power_of(cards: Iterable[Card], panel: Panel) -> Power | None:
    """How many pairs the decisive scores of one request ask for, from what is finished.

    The numbers are guesses: from two pairs, the one that tells the original is within 2 to 6 where
    3 is right. Without a null row the first oracle of each pair stands for it.

    Args:
        cards: Of one step of one request.
        panel: What is said of its scores.

    Returns:
        None where no pair has an original with its oracles, or no score is decisive.
    """
    rows = (card for card in cards if card.method in (ORIGINAL, NULL))
    cards = [card for card in rows if not card.error and card.values and card.oracle]
    for _, _, table in evidence_tables(cards, panel):
        judged = judge(table.get(ORIGINAL, {}), panel)
        known = [name for name in judged.decisive if name in judged.scores]
        if not known:
            continue
        pairs = len({card.pair for card in cards if card.method == ORIGINAL})
        null = table.get(NULL, {})
        scores = [_needed(judged, name, null.get(name)) for name in known]
        titles = [panel["scores"].get(name, {}).get("title") or name for name in judged.missing]
        return Power(pairs, scores, titles)
    return None


def _needed(judged: Judged, name: str, null: Evidence | None) -> Needed:
    one = judged.scores[name]
    own = one.found.measured
    retrained = null.measured if null and null.measured.original else stand_in(own)
    recognise = pairs_to_recognise(retrained) if retrained and own.n > 1 else None
    return Needed(
        title=one.title,
        tell=pairs_to_tell(own),
        recognise=None if recognise is None else max(recognise, FEWEST),
        power=bool(one.power),
    )
