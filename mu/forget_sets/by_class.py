"""All elements of one class, or of one sub-class."""

import difflib

import numpy as np

from mu.data.base import Data, Ids
from mu.errors import UsageError


class ClassSet:
    """Every kept element whose class is ``label``.

    Args:
        label: The class: its number, or its name where the data know names.
        kind: Kind of element; it must have classes.
        level: Another labelling of the same elements that the data offer, such as the ``fine``
            classes of images that are trained by coarse ones; None for the trained one.

    Raises:
        UsageError: A label that is neither a number nor a name.
    """

    def __init__(self, label: int | str, kind: str = "samples", level: str | None = None) -> None:
        if isinstance(label, bool) or not isinstance(label, int | str):
            raise UsageError(f"label={label!r} is neither the number nor the name of a class")
        self.label, self.kind, self.level = label, kind, level

    def select(self, data: Data, available: Ids, rng: np.random.Generator) -> Ids:
        """Ids of the elements of the class.

        Raises:
            UsageError: The elements have no classes, or none has this one.
        """
        labels = data.element_labels(self.kind, self.level)
        if labels is None:
            raise UsageError(f"{self.kind} have no classes; choose another kind of request")
        label = self.label if isinstance(self.label, int) else self.number(self.label, data)
        ids = data.elements(self.kind)[labels == label]
        ids = np.intersect1d(ids, available)
        if len(ids) == 0:
            known = np.unique(labels)
            if label in known:
                raise UsageError(f"no {self.kind} of class {self.label} are left to forget")
            raise UsageError(
                f"no {self.kind} have class {self.label}; classes are {known[0]} to {known[-1]}"
            )
        return ids

    def number(self, name: str, data: Data) -> int:
        """Number of the class called ``name``.

        Raises:
            UsageError: The data know no names at this level, or not this one.
        """
        level = self.level
        names = data.class_names if level is None else data.level_names.get(level)
        if names is None:
            raise UsageError(f"class {name} has no number here: these classes have no names")
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1) or names[:20]
            raise UsageError(f"no class is called {name!r}; known: {', '.join(near)}")
        return list(names).index(name)
