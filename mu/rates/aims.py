"""What the experiment `null` is to show: how often each verdict may fall on rows that are known."""

from collections.abc import Sequence
from dataclasses import dataclass

from mu.rates.rates import Rate
from mu.results.words import DIFFERS, LIKE, NULL, ORIGINAL, UNLINKED, Word

EXPERIMENT = "null"
PAIRS = (3, 5, 10)  # that the limits below are for
RECOGNISED = {  # a retrained model is to be called like the oracle at least so often
    "class": (0.65, 0.9, 0.95),
    "edges": (0.5, 0.8, 0.95),
    "samples": (0.2, 0.6, 0.9),
}
TOLERATED = {"quarter": 0.05}  # of the original left: how often that may be called like the oracle
BLAMED = 0.05  # how often a retrained model may be told from the oracles
CAUGHT = (0.95, 1.0, 1.0)  # how often the original is told from them at least


@dataclass(frozen=True)
class Aim:
    """How often a word is to fall on a row: at least or at most so often."""

    word: Word
    limit: float
    at_least: bool

    def met(self, rate: Rate) -> bool:
        """Whether the share is on the right side."""
        share = rate.words.shares[self.word]
        return share >= self.limit if self.at_least else share <= self.limit


def aims_of(rate: Rate) -> Sequence[Aim]:
    """The aims of the verdict on a row; none for scores and for other numbers of pairs.

    Unlinking has none on the graph of digits: there it is as good as retraining, as far as the rule
    can see.
    """
    if rate.score or rate.n not in PAIRS:
        return []
    place = PAIRS.index(rate.n)
    if rate.method == NULL:
        recognised = RECOGNISED[family_of(rate)][place]
        return [Aim(LIKE, recognised, True), Aim(DIFFERS, BLAMED, False)]
    if rate.method == UNLINKED and "digits" in rate.data:
        return []
    few = [limit for name, limit in TOLERATED.items() if rate.method.startswith(name)]
    like = Aim(LIKE, few[0] if few else 0.0, False)
    return [like, Aim(DIFFERS, CAUGHT[place], True)] if rate.method == ORIGINAL else [like]


def family_of(rate: Rate) -> str:
    """Which limit a request has: edges, whole classes, or any samples."""
    return rate.kind if rate.kind in RECOGNISED else "samples"
