"""A mean over units of replication, with what is known of its error."""

import math
from dataclasses import dataclass

from mu.errors import UsageError

NAN = float("nan")
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over units of replication and what is known of its error.

    Args:
        mean: Nan without any unit.
        error: Standard error; nan when it cannot be estimated, 0 when all units agree.
        freedom: Degrees of freedom of `error`.
        n: Units of replication.
    """

    mean: float = NAN
    error: float = NAN
    freedom: float = NAN
    n: int = 0

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """(low, high) of the t interval; nan where there is no standard error.

        Raises:
            UsageError: ``level`` is outside (0, 1).
        """
        from scipy.special import stdtrit

        if not 0 < level < 1:
            raise UsageError(f"level must be in (0, 1), got {level}")
        if math.isnan(self.error):
            return NAN, NAN
        width = self.error * float(stdtrit(self.freedom, 0.5 + level / 2)) if self.error else 0.0
        return self.mean - width, self.mean + width

    def pvalue(self) -> float:
        """The two-sided p-value of mean = 0; 0 or 1 when all units agree, nan when n < 2."""
        from scipy.special import stdtr

        if math.isnan(self.error):
            return NAN
        if self.error == 0:
            return float(self.mean == 0)
        return float(2 * stdtr(self.freedom, -abs(self.mean) / self.error))

    def plus(self, variance: float, freedom: float) -> "Estimate":
        """The estimate with an independent error added (Welch-Satterthwaite freedom)."""
        own = self.error**2
        total = own + variance
        if not total > 0:
            return Estimate(self.mean, math.sqrt(total), self.freedom, self.n)
        joint = total**2 / (own**2 / self.freedom + variance**2 / freedom)
        return Estimate(self.mean, math.sqrt(total), joint, self.n)
