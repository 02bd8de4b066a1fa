"""How far a repeated number may be from the original."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mu.errors import UsageError
from mu.results.card import Card
from mu.results.format import half_width
from mu.results.rows import Row


@dataclass(frozen=True)
class Tolerance:
    """What deviation counts as reproduced.

    Where versions and device agree the same bits are expected. Elsewhere a number may leave the
    original by the score's margin, or by what the means of two runs differ by in 95 of 100 cases:
    √2 times the half width of the interval over n pairs, and √n of that for the value of one pair.

    Attributes:
        given: Score → largest deviation, asked for; "" stands for every score. It replaces the
            rest.
        bits: Whether to expect the same bits where versions and device agree.
    """

    given: Mapping[str, float] = field(default_factory=dict)
    bits: bool = True

    def asked(self, score: str) -> float | None:
        """What was asked for this score."""
        return self.given.get(score, self.given.get(""))

    def expects_bits(self, old: Card, new: Card | None, score: str) -> bool:
        """Whether a value of card ``new`` must be the same bits as in ``old``."""
        if not self.bits or self.asked(score) is not None or new is None:
            return False
        return same_environment(old, new)

    def of_mean(
        self, score: str, margin: float | None, row: Row | None, runs: int = 2
    ) -> float | None:
        """Largest deviation of a mean; None where nothing says so.

        Args:
            score: Name of the score.
            margin: What its panel calls equivalent.
            row: The original's aggregate: `low`, `high` and `n`.
            runs: How many times the variance of that mean the difference has.

        Example:
            >>> from types import SimpleNamespace
            >>> row = SimpleNamespace(low=0.90, high=0.92, n=3)
            >>> round(Tolerance().of_mean("ua", None, row), 4)
            0.0141
            >>> Tolerance().of_mean("ua", 0.02, row), Tolerance({"": 0.1}).of_mean("ua", 0.02, row)
            (0.02, 0.1)
        """
        asked = self.asked(score)
        if asked is not None:
            return asked
        known = [] if margin is None else [margin]
        if row and (half := half_width(row)) is not None:
            known.append(half * math.sqrt(runs))
        return max(known, default=None)

    def of_pair(self, score: str, margin: float | None, row: Row | None) -> float | None:
        """Largest deviation of the value of one pair; see `of_mean`."""
        return self.of_mean(score, margin, row, 2 * row.n if row else 2)


def same_environment(old: Card, new: Card) -> bool:
    """Whether two cards were made on one kind of device with one set of versions."""
    common = old.versions.keys() & new.versions.keys()
    alike = all(old.versions[name] == new.versions[name] for name in common)
    return bool(common) and alike and old.device == new.device


def read_tolerances(words: Sequence[str]) -> dict[str, float]:
    """``0.02`` for every score, ``kl_forget=0.5`` for one.

    Raises:
        UsageError: No number, or a negative one.

    Example:
        >>> read_tolerances(["0.02", "kl_forget=0.5"])
        {'': 0.02, 'kl_forget': 0.5}
    """
    found = {}
    for word in words:
        score, _, text = word.rpartition("=")
        try:
            found[score] = float(text)
        except ValueError:
            raise UsageError(f"--tolerance {word} is not a number or score=number") from None
        if not 0 <= found[score] < math.inf:
            raise UsageError(f"--tolerance {word} must be a finite number that is not negative")
    return found
