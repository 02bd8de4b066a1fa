"""The rule of verdicts: is a row told from retrained models, and how much of the original is left?

A retrained model is a draw: another seed gives other values. So a row is held against the spread of
the oracles, pooled with its own, and *like the oracle* means that the pairs rule out that more than
the share `TAU` of the original's gap is left. These are the formulas for one score; what they say
together of a row is in `mu.results.verdicts`.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from mu.results.estimate import NAN, Estimate
from mu.results.headline import TAU
from mu.results.intervals import ROUNDING, deviation, estimate

LEVEL = 0.05
ACCURACY = 0.02  # margin of accuracies, never finer than two samples of a set


@dataclass(frozen=True)
class Measured:
    """One score of one row, of the original and of the oracles, pair by pair.

    Attributes:
        row: (n,) values of the row that is judged.
        original: (n,) values of the model before the request; empty where nobody has it.
        oracles: Per pair the values of its retrained models, all of other seeds than the row.
        size: Samples that a share is counted over in one pair; None where the score is no share.
        better: ``lower`` for a distance to the oracles, of which less is never a fault, ``higher``
            for an agreement with them, ``oracle`` where both sides are faults.
        references: Whether a row is held against each set of all oracles but one, as RMIA is.
        seeds: (n,) training seeds; None: all distinct.
        sets: (n,) forget sets; None: all distinct.
        shared: Whether all pairs are held against the very same oracles.
    """

    row: Sequence[float]
    original: Sequence[float]
    oracles: Sequence[Sequence[float]]
    size: int | None = None
    better: str = "oracle"
    references: bool = False
    seeds: Sequence[Hashable] | None = None
    sets: Sequence[Hashable] | None = None
    shared: bool = False

    @property
    def n(self) -> int:
        """Number of pairs."""
        return len(self.row)

    @property
    def k(self) -> int:
        """Oracles of a pair, the fewest over the pairs."""
        return min((len(one) for one in self.oracles), default=0)

    @cached_property
    def of_original(self) -> "Measured":
        """The original, judged as a row."""
        return replace(self, row=self.original)

    @cached_property
    def gap(self) -> Estimate:
        """Mean difference of the row from the oracles, with its error."""
        return contrast(self)

    @cached_property
    def targets(self) -> list[float]:
        """Per pair the mean of its oracles."""
        return [sum(values) / len(values) for values in self.oracles]

    @cached_property
    def variance_of_oracles(self) -> float:
        """Mean over pairs of how a pair's oracles vary."""
        return sum(deviation(values) ** 2 for values in self.oracles) / len(self.oracles)


def contrast(one: Measured, left: float = 0.0) -> Estimate:
    r"""Mean over pairs of gᵢ - left · gᵢ°, with its error; ``left=0`` is the gap itself.

    g is the row's value minus the mean of the oracles, g° the original's. The error pools the
    spread over pairs with that of the oracles, which is the noise of retraining:

    .. math::
        s_p^2 = \frac{(n-1) s^2 + n(k-1) s_o^2}{nk - 1}, \quad
        e^2 = \frac{\max(s^2, s_p^2)}{n} + f, \quad \nu = nk - 1

    with s² the variance over pairs, s_o² = c · (mean variance of a pair's oracles), c = 1 + 1/k
    (for scores over references, whose leave-one-out oracles spread wider, times ((k-1)/k)²), and
    f = 2(1 + 1/k)/N² for a share counted over N samples: as if two more had differed.
    """
    if not one.n or not one.k:
        return Estimate()
    base = one.original if left else [0.0] * one.n
    moved = [v - left * o for v, o in zip(one.row, base, strict=True)]
    gaps = [_difference(x, (1 - left) * q) for x, q in zip(moved, one.targets, strict=True)]
    if one.shared and one.n > 1:
        return _shared(one, moved, sum(gaps) / one.n, 1 - left)
    own = estimate(gaps, one.seeds, one.sets)
    n, k = own.n, one.k
    if k == 1:
        return replace(own, error=math.sqrt(own.error**2 + _floor(one, n)))
    noise = variance_of_retraining(one)
    if n == 1:
        return Estimate(own.mean, math.sqrt(noise + _floor(one, 1)), k - 1, 1) if k > 2 else own
    own_variance = n * own.error**2
    pooled = ((n - 1) * own_variance + n * (k - 1) * noise) / (n * k - 1)
    error = math.sqrt(max(own_variance, pooled) / n + _floor(one, n))
    # Fewer units than pairs: seeds and sets are crossed, and pairs are no longer independent.
    freedom = n * k - 1 if n == one.n else own.freedom
    return Estimate(own.mean, error, freedom, n)


def _difference(value: float, target: float) -> float:
    """Value − target, exactly 0 where they differ by rounding only."""
    rounding = abs(value - target) <= ROUNDING * max(1.0, abs(value))
    return 0.0 if rounding else value - target


def variance_of_retraining(one: Measured) -> float:
    """s_o²: the variance of the gap of a retrained model, by how the oracles of a pair differ."""
    return _widened(one) * one.variance_of_oracles


def _widened(one: Measured) -> float:
    known = 1 + 1 / one.k
    return known * ((one.k - 1) / one.k) ** 2 if one.references else known


def _floor(one: Measured, n: int) -> float:
    """f: what equal counts of a share leave uncertain, as a squared error."""
    if one.size is None:
        return 0.0
    return 2 * (1 + 1 / one.k) / (n * one.size) ** 2


def _shared(one: Measured, moved: Sequence[float], mean: float, weight: float) -> Estimate:
    """All pairs read the same k oracles: their error does not average out over pairs."""
    n, k = one.n, one.k
    if k < 2:
        return Estimate(mean, n=n)
    of_rows, of_oracles = deviation(moved) ** 2, deviation(one.oracles[0]) ** 2
    pooled = ((n - 1) * of_rows + (k - 1) * of_oracles) / (n + k - 2)
    rows, free = max(of_rows, pooled), n - 1 if of_rows >= pooled else n + k - 2
    found = Estimate(mean, math.sqrt(rows / n + _floor(one, n)), free, n)
    return found.plus(weight**2 * of_oracles / k, k - 1)


def probability(one: Measured) -> float:
    """Two-sided p of no gap; 1 for a distance that is not above the oracles' own, nan unknown."""
    gap = one.gap
    return 1.0 if no_fault(gap.mean, one.better) else gap.pvalue()


def no_fault(gap: float, better: str) -> bool:
    """Whether a gap says no more than that the row is nearer to the oracles than they are."""
    return gap <= 0 if better == "lower" else gap >= 0 if better == "higher" else False


def has_power(one: Measured) -> bool | None:
    """Whether these pairs tell the original from the oracles; None where nobody can say."""
    p = probability(one.of_original) if len(one.original) else NAN
    return None if math.isnan(p) else p < LEVEL


def within(one: Measured, tau: float = TAU) -> bool:
    """Whether at most the share ``tau`` of the original's gap is left, on either side.

    The 90 % Fieller interval of gap ÷ original's gap lies inside ±tau. A distance below the
    oracles' own is no fault.
    """
    sign = math.copysign(1.0, one.of_original.gap.mean)
    above = contrast(one, tau)
    if not _below(above, sign):
        return False
    return one.better != "oracle" or _below(contrast(one, -tau), -sign)


def _below(found: Estimate, sign: float) -> bool:
    """Whether sign · mean is below 0 by a one-sided test at 5 %."""
    low, high = found.interval(1 - 2 * LEVEL)
    if math.isnan(low):
        return False
    return high < 0 if sign > 0 else low > 0


def spread_of_retraining(one: Measured) -> float:
    """s_o, the standard deviation of the gap of a retrained model; 0 where k = 1 tells none."""
    return math.sqrt(variance_of_retraining(one)) if one.k > 1 else 0.0


def as_near_as_retraining(one: Measured) -> bool:
    """Whether a distance is surely less than one spread of retraining above the oracles' own.

    Where the original is hardly farther from the oracles than they are from each other, τ of its
    gap is less than another seed changes, and no retrained model could be asked to keep it.
    """
    if one.better == "oracle" or one.n < 1:
        return False
    low, high = one.gap.interval(1 - 2 * LEVEL)
    wide = spread_of_retraining(one)
    return high < wide if one.better == "lower" else low > -wide


def within_margin(one: Measured, margin: float = ACCURACY) -> bool:
    """Whether the 90 % interval of the gap lies inside the margin as these pairs widen it."""
    wide = widened_margin(one, margin)
    low, high = one.gap.interval(1 - 2 * LEVEL)
    return -wide < low and high < wide


def widened_margin(one: Measured, margin: float = ACCURACY) -> float:
    """The margin, never finer than two samples, nor than two spreads of retraining.

    So much two retrained models differ.
    """
    return max(margin, 2 / one.size if one.size else 0.0, 2 * spread_of_retraining(one))


def share_left(one: Measured) -> float:
    """Gap ÷ original's gap: 1 is what the original itself has."""
    whole = one.of_original.gap.mean
    return one.gap.mean / whole if whole else NAN


def bound(one: Measured, largest: float = 10.0) -> float:
    """The smallest share of the original's gap that `within` allows; inf where none does."""
    if not within(one, largest):
        return math.inf
    low, high = 0.0, largest
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (low, middle) if within(one, middle) else (middle, high)
    return high


def pairs_to_tell(one: Measured) -> int | None:
    """About how many pairs tell the original from the oracles (power .8); None without a gap."""
    whole = one.of_original
    found = whole.gap
    return _needed(found.mean, _spread_of(whole), one.k, 0.975, 0.8)


def pairs_to_recognise(null: Measured, tau: float = TAU) -> int | None:
    """About how many pairs call a retraining like the oracle, of a row that is one (power .9)."""
    whole = null.of_original.gap.mean
    found = contrast(null, tau)
    wide = found.error * math.sqrt(found.n) if found.n > 1 else NAN
    if null.better == "oracle":
        return _needed(tau * whole, wide, null.k, 0.95, 0.9)
    room = max(tau * abs(whole), spread_of_retraining(null))
    return _needed(room, wide, null.k, 0.95, 0.8)


def _spread_of(one: Measured) -> float:
    found = one.gap
    return found.error * math.sqrt(found.n) if found.n else NAN


def _needed(gap: float, wide: float, k: int, level: float, power: float) -> int | None:
    """Smallest n ≥ 2 with n ≥ ((t_level + t_power) · spread / gap)² at nk - 1 degrees."""
    from scipy.special import stdtrit

    if not gap or math.isnan(gap) or math.isnan(wide):
        return None
    for n in range(2, 1001):
        freedom = max(n * k - 1, 1)
        if n >= ((stdtrit(freedom, level) + stdtrit(freedom, power)) * wide / gap) ** 2:
            return n
    return None
