"""How inputs come normalised."""

from collections.abc import Sequence
from typing import NamedTuple


class Normalisation(NamedTuple):
    """What is taken off inputs and what they are divided by: one number, or one a channel.

    Example:
        >>> str(Normalisation([0.5], [0.25])), PLAIN_INPUTS.like(Normalisation([0, 0], [1, 1]))
        ('mean=[0.5] std=[0.25]', True)
    """

    mean: Sequence[float]
    std: Sequence[float]

    def __str__(self) -> str:
        mean, std = (",".join(f"{value:.6g}" for value in part) for part in self)
        return f"mean=[{mean}] std=[{std}]"

    def like(self, other: "Normalisation") -> bool:
        """Whether both are the same, up to numbers that were rounded to four digits."""
        return _near(self.mean, other.mean) and _near(self.std, other.std)


def _near(one: Sequence[float], other: Sequence[float]) -> bool:
    length = max(len(one), len(other))
    wide = [list(part) * (length if len(part) == 1 else 1) for part in (one, other)]
    same = len(wide[0]) == len(wide[1])
    return same and all(abs(a - b) < 1e-4 for a, b in zip(*wide, strict=True))


PLAIN_INPUTS = Normalisation((0.0,), (1.0,))
