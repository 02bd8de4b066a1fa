"""What tables are made of: a row per score of a method, and the verdict on the method."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from mu.results.place import Place
from mu.results.words import Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One score of one method over the pairs; None where there is no finite number.

    Attributes:
        request, step, data, model, method, metric: What it is about.
        mean, low, high: Mean over the pairs and its 95 % interval.
        n: Number of pairs.
        oracle: Mean of the oracles' means over the same pairs.
        gap, gap_low, gap_high: Paired difference from the oracles and its 95 % interval.
        verdict: What is said of the score; empty where nothing is judged. Of headline scores
            Holm-adjusted over those of the method.
        left, at_most: Share of the original's gap that is left, and at most can be left.
        block: Number of the block of the experiment.
    """

    request: str
    step: int
    data: str
    model: str
    method: str
    metric: str
    mean: float | None
    low: float | None
    high: float | None
    n: int
    oracle: float | None
    gap: float | None
    gap_low: float | None
    gap_high: float | None
    verdict: Word
    left: float | None = None
    at_most: float | None = None
    block: int = 0

    @property
    def place(self) -> Place:
        """The step of the request that the row belongs to."""
        return Place(self.block, self.request, self.step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is said of one method on one step of one request.

    Attributes:
        request, step, data, model, method: What it is about.
        verdict: The word; empty for the oracle and where no cell finished.
        reason: One sentence.
        on: Names of the scores that the word rests on.
        block: Number of the block of the experiment.
    """

    request: str
    step: int
    data: str
    model: str
    method: str
    verdict: Word
    reason: str
    on: Sequence[str]
    block: int = 0

    @property
    def place(self) -> Place:
        """The step of the request that the verdict belongs to."""
        return Place(self.block, self.request, self.step)


COLUMNS = tuple(one.name for one in fields(Row) if one.name != "block")
