"""Elements drawn uniformly at random."""

import numpy as np

from mu.data.base import Data, Ids
from mu.forget_sets.budget import budget


class RandomSet:
    """A uniform draw without replacement; a new one for each pair's seed.

    Args:
        kind: Kind of element.
        share: Share of the elements still kept, in (0, 1).
        count: Or their number.
    """

    def __init__(
        self, kind: str = "samples", share: float | None = None, count: int | None = None
    ) -> None:
        self.kind, self.share, self.count = kind, share, count

    def select(self, data: Data, available: Ids, rng: np.random.Generator) -> Ids:
        """Ids of the drawn elements."""
        wanted = budget(self.share, self.count, len(available))
        return rng.choice(available, wanted, replace=False)
