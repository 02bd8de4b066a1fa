"""All elements of a class, of a sub-class, or of several."""

import difflib
from collections.abc import Sequence

import numpy as np

from mu.data.base import Data, Ids
from mu.errors import UsageError
from mu.forget_sets.select import Scene


class ClassSet:
    """Every kept element whose class is ``label``, or one of them.

    Args:
        label: The class: its number, or its name where the data know names; or a list of such.
        kind: Kind of element; it must have classes.
        level: Another labelling of the same elements that the data offer, such as the ``fine``
            classes of images that are trained by coarse ones; None for the trained one.

    Raises:
        UsageError: A label that is neither a number nor a name, or no label.
    """

    def __init__(
        self,
        label: int | str | Sequence[int | str],
        kind: str = "samples",
        level: str | None = None,
    ) -> None:
        several = isinstance(label, Sequence) and not isinstance(label, str)
        self.labels: list[int | str] = list(label) if several else [label]  # type: ignore[arg-type,list-item]
        for one in self.labels:
            if isinstance(one, bool) or not isinstance(one, int | str):
                raise UsageError(f"label={one!r} is neither the number nor the name of a class")
        if not self.labels:
            raise UsageError("label=[] names no class")
        self.kind, self.level = kind, level

    def select(self, scene: Scene) -> Ids:
        """Ids of the elements of the classes.

        Raises:
            UsageError: The elements have no classes, or none has one of these.
        """
        data = scene.data
        labels = data.element_labels(self.kind, self.level)
        if labels is None:
            raise UsageError(f"{self.kind} have no classes; choose another kind of request")
        found = []
        for name in self.labels:
            label = name if isinstance(name, int) else self.number(name, data)
            ids = np.intersect1d(data.elements(self.kind)[labels == label], scene.available)
            if len(ids) == 0:
                known = np.unique(labels)
                if label in known:
                    raise UsageError(f"no {self.kind} of class {name} are left to forget")
                raise UsageError(
                    f"no {self.kind} have class {name}; classes are {known[0]} to {known[-1]}"
                )
            found.append(ids)
        return np.unique(np.concatenate(found))

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
