"""The cards of one row, and the words that groups of its pairs get."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mu.rates.groups import Decided, Flags, Floats, Groups, ScoreColumn, decided
from mu.results.card import Card
from mu.results.evidence import Panel, evidence, oracles_known_by, shared_oracles, size_of
from mu.results.intervals import deviation
from mu.results.judgement import Judged, judge
from mu.results.rule import LEVEL, probability
from mu.results.words import DIFFERS, INSIDE, LIKE, NO_POWER, OPEN, Word

Codes = NDArray[np.int8]
WORDS: tuple[Word, ...] = (LIKE, DIFFERS, INSIDE, NO_POWER, OPEN)
ABSENT = -1  # the code of a score that a group has no value of


@dataclass(frozen=True)
class Words:
    """Codes, places in `WORDS`, of each group.

    Attributes:
        row: (groups,) the verdict on the row.
        raw, adjusted: By headline score the word on it alone, and after Holm's correction.
    """

    row: Codes
    raw: Mapping[str, Codes]
    adjusted: Mapping[str, Codes]


@dataclass(frozen=True)
class CalibratedRow:
    """The finished cards of one row of one request.

    Attributes:
        cards: One a pair, in the order of pairs.
        originals: Pair → the card of the original.
        judged: What all pairs together say: which scores are looked at.
        panel: What is said of the scores.
    """

    cards: Sequence[Card]
    originals: Mapping[int, Card]
    judged: Judged
    panel: Panel

    @cached_property
    def names(self) -> list[str]:
        """Scores that the verdict looks at, as far as any pair has them."""
        known = [name for name in self.judged.decisive if name in self.judged.scores]
        return list(dict.fromkeys([*self.judged.headline, *known]))

    @cached_property
    def columns(self) -> dict[str, ScoreColumn] | None:
        """The scores as arrays; None where pairs are of a kind that `judge` has to look at."""
        if len({card.seed for card in self.cards}) < len(self.cards):
            return None
        found = {}
        for name in self.names:
            column = self._column(name)
            if column is None:
                return None
            found[name] = column
        return found

    def _column(self, name: str) -> ScoreColumn | None:
        facts = self.panel["scores"].get(name, {})
        used = [card for card in self.cards if card.number(name) is not None]
        oracles = {card.pair: card.oracle_values(name) for card in used}
        starts = [self._start(card, name) for card in used]
        ks = {len(values) for values in oracles.values()}
        if len(ks) > 1 or min(ks, default=2) < 2 or None in starts:
            return None

        def each(values: Sequence[Any]) -> Floats:
            placed = {card.pair: value for card, value in zip(used, values, strict=True)}
            return np.array([placed.get(card.pair, np.nan) for card in self.cards], float)

        sizes = [size_of(card, name, facts) or np.inf for card in used]
        digests = [card.forget_digest or f"pair {card.pair}" for card in self.cards]
        return ScoreColumn(
            facts=facts,
            row=each([card.number(name) for card in used]),
            original=each(starts),
            oracle=each([float(np.mean(values)) for values in oracles.values()]),
            noise=each([deviation(values) ** 2 for values in oracles.values()]),
            size=each(sizes),
            infinite=np.array([card.infinite(name) for card in self.cards]),
            sets=np.unique(digests, return_inverse=True)[1],
            k=min(ks, default=2),
        )

    def _start(self, card: Card, name: str) -> float | None:
        original = self.originals.get(card.pair)
        return None if original is None else original.number(name)

    @cached_property
    def oracles(self) -> NDArray[np.int64]:
        """(N,) a number of its own for each set of oracles."""
        return np.unique([oracles_known_by(c) for c in self.cards], return_inverse=True)[1]

    def words(self, groups: Groups) -> Words:
        """The words that `judge` gives the cards of each group.

        Args:
            groups: (groups, n) places in ``cards``.
        """
        own = self.oracles[groups]
        shared = (own == own[:, :1]).all(axis=1) & (groups.shape[1] > 1)
        fast = np.flatnonzero(~shared if self.columns is not None else np.zeros_like(shared))
        slow = np.setdiff1d(np.arange(len(groups)), fast)
        quick = self._at_once(groups[fast])
        each = [self._one(group) for group in groups[slow]]

        def merged(found: Codes, others: Sequence[int]) -> Codes:
            codes = np.full(len(groups), ABSENT, np.int8)
            codes[fast], codes[slow] = found, np.array(others, np.int8)
            return codes

        names = self.judged.headline
        return Words(
            merged(quick.row, [one[0] for one in each]),
            {n: merged(quick.raw[n], [one[1].get(n, ABSENT) for one in each]) for n in names},
            {n: merged(quick.adjusted[n], [one[2].get(n, ABSENT) for one in each]) for n in names},
        )

    def subset(self, group: Sequence[int]) -> Judged:
        """What the cards of one group say."""
        cards = [self.cards[place] for place in group]
        shared = shared_oracles(cards)
        facts = self.panel["scores"]
        found = {
            name: evidence(cards, name, self.originals, facts.get(name, {}), shared)
            for name in self.names
        }
        return judge(found, self.panel)

    def _one(self, group: Sequence[int]) -> tuple[int, dict[str, int], dict[str, int]]:
        judged = self.subset(group)
        own = {name: judged.scores[name] for name in judged.headline}
        raw = {n: replace(one, p=probability(one.found.measured)) for n, one in own.items()}
        return (
            WORDS.index(judged.word),
            {name: WORDS.index(one.word) for name, one in raw.items()},
            {name: WORDS.index(one.word) for name, one in own.items()},
        )

    def _at_once(self, groups: Groups) -> Words:
        if not len(groups) or self.columns is None:
            none = np.zeros(0, np.int8)
            return Words(none, *(dict.fromkeys(self.judged.headline, none) for _ in range(2)))
        found = {name: decided(column, groups) for name, column in self.columns.items()}
        headline = self.judged.headline
        raw = {name: one.p for name, one in found.items()}
        adjusted = raw | holm_each({name: raw[name] for name in headline})
        differs = {n: one.infinite | (adjusted[n] < LEVEL) for n, one in found.items()}
        codes = {n: self._codes(n, one, differs[n]) for n, one in found.items()}
        alone = {
            n: self._codes(n, found[n], found[n].infinite | (raw[n] < LEVEL)) for n in headline
        }
        row = np.full(len(groups), WORDS.index(OPEN), np.int8)
        blind = [n for n in self.judged.decisive if n in found]
        for word, names in ((NO_POWER, blind), (INSIDE, headline), (DIFFERS, headline)):
            code = WORDS.index(word)
            for name in names:
                row[codes[name] == code] = code
        row[self._like(found, differs, len(groups))] = WORDS.index(LIKE)
        return Words(row, alone, {name: codes[name] for name in headline})

    def _like(self, found: Mapping[str, Decided], differs: Mapping[str, Flags], m: int) -> Flags:
        decisive = self.judged.decisive
        like = np.full(m, bool(decisive) and all(name in found for name in decisive))
        shown = np.zeros(m, bool)
        for name in decisive:
            if name in found:
                like &= found[name].known & found[name].inside
                shown |= found[name].known & found[name].shown & ~found[name].infinite
        like &= shown
        for name in self.judged.headline:
            facts, one = self.panel["scores"].get(name, {}), found[name]
            kept = facts.get("kind") == "utility" and facts.get("margin") is not None
            wanted = one.known if kept else differs[name]
            like &= ~wanted | one.inside
        return like

    def _codes(self, name: str, one: Decided, differs: Flags) -> Codes:
        """The words of `mu.results.judgement.Judgement.word`."""
        forgetting = self.panel["scores"].get(name, {}).get("kind") == "forgetting"
        found = np.where(forgetting & one.blind, WORDS.index(NO_POWER), WORDS.index(OPEN))
        found = np.where(one.inside, WORDS.index(LIKE), found)
        outside = np.where(one.inside, WORDS.index(INSIDE), WORDS.index(DIFFERS))
        return np.where(one.known, np.where(differs, outside, found), ABSENT).astype(np.int8)


def holm_each(raw: Mapping[str, Floats]) -> dict[str, Floats]:
    """Holm's adjusted p-values of several scores, group by group; nan stay nan."""
    if not raw:
        return {}
    table = np.array(list(raw.values()))
    order = np.argsort(table, axis=0, kind="stable")  # nan come last
    ranked = np.take_along_axis(table, order, axis=0)
    known = np.isfinite(table).sum(axis=0)
    left = np.maximum(known - np.arange(len(table))[:, None], 0)
    steps = np.fmin(np.maximum.accumulate(np.where(left > 0, ranked * left, np.nan), axis=0), 1.0)
    steps[np.isnan(ranked)] = np.nan
    adjusted = np.empty_like(table)
    np.put_along_axis(adjusted, order, steps, axis=0)
    return dict(zip(raw, adjusted, strict=True))
