"""All elements of one class."""

import numpy as np

from mu.data.base import Data, Ids
from mu.errors import UsageError


class ClassSet:
    """Every kept element whose class is ``label``.

    Args:
        label: The class.
        kind: Kind of element; it must have classes.
    """

    def __init__(self, label: int, kind: str = "samples") -> None:
        self.label, self.kind = label, kind

    def select(self, data: Data, available: Ids, rng: np.random.Generator) -> Ids:
        """Ids of the elements of the class.

        Raises:
            UsageError: The elements have no classes, or none has this one.
        """
        labels = data.element_labels(self.kind)
        if labels is None:
            raise UsageError(f"{self.kind} have no classes; choose another kind of request")
        ids = data.elements(self.kind)[labels == self.label]
        ids = np.intersect1d(ids, available)
        if len(ids) == 0:
            known = ", ".join(map(str, np.unique(labels)[:20]))
            raise UsageError(f"no {self.kind} of class {self.label} are left; classes: {known}")
        return ids
