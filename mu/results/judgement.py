"""Is a row like the oracle? What its pairs say of every score, and together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mu.results.estimate import NAN
from mu.results.evidence import Evidence, Panel, kind_of
from mu.results.headline import decisive_of
from mu.results.intervals import holm
from mu.results.rule import (
    LEVEL,
    as_near_as_retraining,
    bound,
    has_power,
    probability,
    share_left,
    within,
    within_margin,
)
from mu.results.words import DIFFERS, INSIDE, LIKE, NO_POWER, OPEN, Word

JUDGED = ("forgetting", "utility")
FEWEST = 3  # pairs: fewer may say that a row differs, never that it does not
Scores = Mapping[str, Evidence]


@dataclass(frozen=True)
class Judgement:
    """What the pairs say of one score of one row.

    Attributes:
        score: Its name.
        facts: What the panel says of it.
        found: The evidence.
        p: Of no gap; of a headline score Holm-adjusted over those of its row.
    """

    score: str
    facts: Mapping[str, Any]
    found: Evidence
    p: float

    @property
    def title(self) -> str:
        """Its column header."""
        return self.facts.get("title") or self.score

    @property
    def kind(self) -> str:
        """``forgetting`` or ``utility``."""
        return str(self.facts.get("kind", ""))

    @cached_property
    def power(self) -> bool | None:
        """Whether these pairs tell the original from the oracles; None where nobody can say."""
        return has_power(self.found.measured)

    @cached_property
    def inside(self) -> bool:
        """Whether the rest of the gap is surely small: within its margin and τ of the original's.

        A score of utility has its margin only, since the original need not miss it. A distance may
        instead be as near as another seed brings a model, whatever the original's gap.
        """
        margin, one = self.facts.get("margin"), self.found.measured
        if one.n < FEWEST or self.found.infinite:
            return False
        if margin is not None and one.better == "oracle" and not within_margin(one, margin):
            return False
        if self.kind == "utility":
            return margin is not None
        return self.shown or as_near_as_retraining(one)

    @cached_property
    def shown(self) -> bool:
        """Whether the pairs show that at most τ of the original's gap is left."""
        return bool(self.power) and within(self.found.measured)

    @property
    def differs(self) -> bool:
        """Whether it lies outside what retraining with another seed gives."""
        return bool(self.found.infinite) or self.p < LEVEL

    @property
    def word(self) -> Word:
        """The verdict on this score alone."""
        if self.differs:
            return INSIDE if self.inside else DIFFERS
        if self.inside:
            return LIKE
        return NO_POWER if self.kind == "forgetting" and self.power is False else OPEN

    @cached_property
    def left(self) -> float:
        """Share of the original's gap that is left; nan where that is not told from 0."""
        return share_left(self.found.measured) if self.kind == "forgetting" and self.power else NAN

    @cached_property
    def at_most(self) -> float:
        """The share that may be left at most; nan as ``left``."""
        return NAN if math.isnan(self.left) else bound(self.found.measured)


@dataclass(frozen=True)
class Judged:
    """What is said of one row: its judgements by score, and the word over the headline.

    Attributes:
        scores: Every score that applies.
        headline: Names of those that the word looks at.
        decisive: Names of those that *like the oracle* rests on, with those that are missing.
    """

    scores: Mapping[str, Judgement]
    headline: Sequence[str]
    decisive: Sequence[str]

    @property
    def missing(self) -> list[str]:
        """Decisive scores that the row has no value of."""
        return [name for name in self.decisive if name not in self.scores]

    @property
    def pairs(self) -> int:
        """The fewest pairs behind a headline score."""
        return min((self.scores[name].found.value.n for name in self.headline), default=0)

    @cached_property
    def word(self) -> Word:
        """The verdict on the row."""
        if self.like:
            return LIKE
        words = {self.scores[name].word for name in self.headline}
        if DIFFERS in words or INSIDE in words:
            return DIFFERS if DIFFERS in words else INSIDE
        powerless = [name for name in self.decisive if name not in self.missing]
        return NO_POWER if any(self.scores[n].word == NO_POWER for n in powerless) else OPEN

    @property
    def like(self) -> bool:
        """Whether every decisive score and every margin of utility holds."""
        kept = [n for n in self.headline if self._kept(self.scores[n])]
        wanted = [*self.decisive, *kept, *(n for n in self.headline if self.scores[n].differs)]
        passed = (name in self.scores and self.scores[name].inside for name in wanted)
        shown = (name in self.scores and self.scores[name].shown for name in self.decisive)
        return any(shown) and all(passed)

    def _kept(self, one: Judgement) -> bool:
        return one.kind == "utility" and one.facts.get("margin") is not None

    @property
    def on(self) -> list[str]:
        """The scores that the word rests on."""
        if self.word == LIKE:
            return [name for name in self.headline if self.scores[name].inside]
        if self.word == OPEN:
            return [name for name in self.headline if not self.scores[name].inside]
        return [name for name in self.headline if self.scores[name].word == self.word]


def judge(scores: Scores, panel: Panel) -> Judged:
    """Judge one row by the evidence on its scores.

    *Like the oracle*: on every decisive score the pairs show that at most τ of the original's gap
    is left, or of a distance no more than another seed gives while another decisive score shows the
    former; utility is within its margins, and no other headline score differs outside its own.
    *Differs*: some headline score lies outside what retraining with another seed gives (5 %, Holm
    over the headline scores). *No power*: a decisive score cannot even tell the original from the
    oracles. *Inconclusive*: everything else. A decisive score that is missing forbids *like*.
    """
    known = {n: found for n, found in scores.items() if kind_of(n, panel) in JUDGED and found.known}
    facts = {name: panel["scores"].get(name, {}) for name in known}
    headline = [name for name in known if facts[name].get("headline")]
    raw = {name: probability(found.measured) for name, found in known.items()}
    adjusted = dict(zip(headline, holm([raw[name] for name in headline]), strict=True))
    made = {
        name: Judgement(name, facts[name], found, float(adjusted.get(name, raw[name])))
        for name, found in known.items()
    }
    return Judged(made, headline, decisive_of(panel["scores"]))
