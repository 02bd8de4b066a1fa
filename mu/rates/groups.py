"""The rule of verdicts for many groups of pairs at once.

The formulas are those of `mu.results.rule` and `mu.results.judgement`, with a group of pairs in
each row of an array: thousands of groups are judged in the time that those take for a few. Every
pair has a training seed and oracles of its own, two or more; what is not so is left to `judge`
itself (see `mu.rates.row`). A test holds the words equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from mu.results.headline import TAU
from mu.results.intervals import ROUNDING
from mu.results.judgement import FEWEST
from mu.results.rule import LEVEL

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Groups = NDArray[np.int64]  # (groups, n): places of pairs


@dataclass(frozen=True)
class ScoreColumn:
    """One score of one row, over all of its pairs.

    Attributes:
        facts: What the panel says of the score.
        row, original, oracle: (N,) value of the row, of the original and the oracles' mean; nan
            where the row has no finite value.
        noise: (N,) variance of the oracles' values.
        size: (N,) samples that a share is counted over, inf for a score that is none.
        infinite: (N,) whether the row's value is infinite.
        sets: (N,) number of the forget set.
        k: Oracles of a pair.
    """

    facts: Mapping[str, Any]
    row: Floats
    original: Floats
    oracle: Floats
    noise: Floats
    size: Floats
    infinite: Flags
    sets: Groups
    k: int

    @property
    def better(self) -> str:
        """Which side is no fault."""
        return str(self.facts.get("better", "oracle"))

    @property
    def there(self) -> Flags:
        """(N,) whether a pair counts."""
        return np.isfinite(self.row)

    def at(self, groups: Groups) -> "Pooling":
        """What decides the errors of these groups, of which all pairs count."""
        k = self.k
        wide = (1 + 1 / k) * (((k - 1) / k) ** 2 if self.facts.get("references") else 1.0)
        size = self.size[groups].min(axis=1)
        return Pooling(self.sets[groups], wide * self.noise[groups].mean(axis=1), size, k)

    def gaps(self, groups: Groups, left: float = 0.0, original: bool = False) -> Floats:
        """gᵢ - left · gᵢ° of each pair of each group, exactly 0 where it is rounding."""
        base = self.original if original else self.row
        moved = base - left * self.original if left else base
        target = (1 - left) * self.oracle
        found = moved - target
        tiny = np.abs(found) <= ROUNDING * np.maximum(1.0, np.abs(moved))
        found[tiny] = 0.0
        gaps: Floats = found[groups]
        return gaps


@dataclass(frozen=True)
class Means:
    """`mu.results.estimate.Estimate` of each group."""

    mean: Floats
    error: Floats
    freedom: Floats

    def pvalue(self) -> Floats:
        """Two-sided p of mean = 0."""
        exact = self.error == 0
        with np.errstate(invalid="ignore"):
            t = np.abs(self.mean) / np.where(exact, 1.0, self.error)
        p: Floats = np.where(exact, (self.mean == 0).astype(float), 2 * stdtr(self.freedom, -t))
        return p

    def interval(self) -> tuple[Floats, Floats]:
        """The 90 % interval, whose sides are tests at 5 %."""
        freedom, which = np.unique(self.freedom, return_inverse=True)
        wide = self.error * stdtrit(freedom, 1 - LEVEL)[which]
        return self.mean - wide, self.mean + wide

    def beyond(self, sign: Floats) -> Flags:
        """Whether sign · mean is below 0."""
        low, high = self.interval()
        return np.where(sign > 0, high < 0, low > 0)


@dataclass(frozen=True)
class Pooling:
    """Groups of n pairs: which of them share a forget set, and the noise of their oracles.

    Attributes:
        sets: (groups, n).
        noise: (groups,) s_o² of `mu.results.rule.contrast`.
        size: (groups,) samples that a share is counted over.
        k: Oracles of a pair.
    """

    sets: Groups
    noise: Floats
    size: Floats
    k: int
    share: Floats = field(init=False)  # (groups, n): 1 ÷ pairs that have the set of this one
    same: Floats = field(init=False)  # (groups, n, n): whether two pairs have one set

    def __post_init__(self) -> None:
        same = (self.sets[:, :, None] == self.sets[:, None, :]).astype(np.float64)
        object.__setattr__(self, "same", same)
        object.__setattr__(self, "share", 1 / same.sum(axis=2))

    @property
    def spread(self) -> Floats:
        """(groups,) s_o; 0 where one oracle tells none."""
        return np.sqrt(self.noise) if self.k > 1 else np.zeros(len(self.noise))

    def contrast(self, gaps: Floats) -> Means:
        """The mean of the gaps with its error, as `mu.results.rule.contrast` has them."""
        pairs, k = gaps.shape[1], self.k
        distinct = np.rint(self.share.sum(axis=1))
        crossed = (distinct > 1) & (distinct < pairs)
        n = np.where(crossed, distinct, pairs)
        mean, own = gaps.mean(axis=1), _variance(gaps) / pairs
        if crossed.any():
            of_sets = (self.same @ gaps[:, :, None])[:, :, 0] * self.share
            centre = (of_sets * self.share).sum(axis=1) / distinct
            spread = (self.share * (of_sets - centre[:, None]) ** 2).sum(axis=1)
            spread = np.where(_flat(of_sets), 0.0, spread / np.maximum(distinct - 1, 1))
            mean = np.where(crossed, centre, mean)
            own = np.where(crossed, own + spread / distinct, own)
        floor = 2 * (1 + 1 / k) / (n * self.size) ** 2
        if pairs == 1:
            error = np.sqrt(self.noise + floor) if k > 2 else np.full(len(n), np.nan)
            return Means(mean, error, np.full(len(n), float(k - 1)))
        own = n * own
        pooled = ((n - 1) * own + n * (k - 1) * self.noise) / (n * k - 1)
        error = np.sqrt(np.maximum(own, pooled) / n + floor)
        return Means(mean, error, np.where(crossed, n - 1, n * k - 1))


def _flat(values: Floats) -> Flags:
    """Which groups have values that differ by rounding only."""
    limit = ROUNDING * np.maximum(1.0, np.abs(values).max(axis=1))
    return np.asarray(np.ptp(values, axis=1) <= limit)


def _variance(values: Floats) -> Floats:
    if values.shape[1] < 2:
        return np.full(len(values), np.nan)
    return np.where(_flat(values), 0.0, values.var(axis=1, ddof=1))


@dataclass(frozen=True)
class Decided:
    """What is said of one score in each group.

    Attributes:
        known: Whether the group has a value.
        blind: Whether it surely cannot tell the original from the oracles.
        shown: As in `mu.results.judgement.Judgement`.
        inside: As in `mu.results.judgement.Judgement`.
        infinite: Whether some value is infinite.
        p: Unadjusted.
    """

    known: Flags
    blind: Flags
    shown: Flags
    inside: Flags
    infinite: Flags
    p: Floats


def decided(one: ScoreColumn, groups: Groups) -> Decided:
    """Judge one score in each group."""
    m = len(groups)
    there, infinite = one.there[groups], np.asarray(one.infinite[groups].any(axis=1))
    count = there.sum(axis=1)
    blind, shown, inside = (np.zeros(m, bool) for _ in range(3))
    p = np.full(m, np.nan)
    for n in np.unique(count[count > 0]):  # groups in which as many pairs count
        which = np.flatnonzero(count == n)
        pairs = groups[which][there[which]].reshape(len(which), n)
        p[which], blind[which], shown[which], inside[which] = _judged(one, pairs)
    return Decided((count > 0) | infinite, blind, shown, inside & ~infinite, infinite, p)


def _judged(one: ScoreColumn, groups: Groups) -> tuple[Floats, Flags, Flags, Flags]:
    """p, blind, shown and inside of groups of which all pairs count."""
    units, better = one.at(groups), one.better
    gap, whole = (units.contrast(one.gaps(groups, original=o)) for o in (False, True))
    p, p_whole = _probability(gap, better), _probability(whole, better)
    blind = p_whole >= LEVEL  # nan: nobody knows
    margin, utility = one.facts.get("margin"), one.facts.get("kind") == "utility"
    inside = np.full(len(groups), groups.shape[1] >= FEWEST)
    if margin is not None and better == "oracle":
        low, high = gap.interval()
        wide = np.maximum(margin, np.where(np.isfinite(units.size), 2 / units.size, 0.0))
        wide = np.maximum(wide, 2 * units.spread)
        inside &= (-wide < low) & (high < wide)
    sign = np.copysign(1.0, whole.mean)
    shown = (p_whole < LEVEL) & units.contrast(one.gaps(groups, TAU)).beyond(sign)
    if better == "oracle":
        shown &= units.contrast(one.gaps(groups, -TAU)).beyond(-sign)
    if utility:
        return p, blind, shown, inside & (margin is not None)
    near = np.zeros(len(groups), bool)
    if better != "oracle":
        low, high = gap.interval()
        near = high < units.spread if better == "lower" else low > -units.spread
    return p, blind, shown, inside & (shown | near)


def _probability(gap: Means, better: str) -> Floats:
    nearer = gap.mean <= 0 if better == "lower" else gap.mean >= 0
    return gap.pvalue() if better == "oracle" else np.where(nearer, 1.0, gap.pvalue())
