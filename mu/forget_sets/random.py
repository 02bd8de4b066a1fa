"""Elements drawn uniformly at random."""

from mu.data.base import Ids
from mu.forget_sets.budget import budget
from mu.forget_sets.select import Scene


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

    def select(self, scene: Scene) -> Ids:
        """Ids of the drawn elements."""
        wanted = budget(self.share, self.count, len(scene.available))
        return scene.rng.choice(scene.available, wanted, replace=False)
