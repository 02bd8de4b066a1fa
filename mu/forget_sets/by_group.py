"""All samples of a group, such as a customer, or of several."""

import difflib
from collections.abc import Sequence

import numpy as np

from mu.data.base import Ids
from mu.errors import UsageError
from mu.forget_sets.select import Scene


class GroupSet:
    """Every kept element of a group that the user's file names (``data.groups=FILE``).

    Args:
        name: The group, or a list of groups.
        kind: ``samples``, or ``nodes`` of a graph.

    Raises:
        UsageError: No name.
    """

    def __init__(self, name: str | int | Sequence[str | int], kind: str = "samples") -> None:
        several = isinstance(name, Sequence) and not isinstance(name, str)
        self.names: list[str] = [str(one) for one in name] if several else [str(name)]  # type: ignore[union-attr]
        if not self.names or not all(self.names):
            raise UsageError(f"name={name!r} names no group")
        if kind not in ("samples", "nodes"):
            raise UsageError(f"kind={kind} has no groups; samples and nodes have")
        self.kind = kind

    def select(self, scene: Scene) -> Ids:
        """Ids of the elements of the groups.

        Raises:
            UsageError: The data have no groups, or nobody of one is trained on and still there.
        """
        groups = scene.data.groups
        if groups is None:
            raise UsageError(
                "these data have no groups: name a file with the columns id,group or file,group "
                "as data.groups=FILE"
            )
        found = []
        for name in self.names:
            members = np.flatnonzero(groups == name)
            if not len(members):
                known = sorted(set(groups.tolist()) - {""})
                near = difflib.get_close_matches(name, known, n=1) or known[:20]
                raise UsageError(f"no group is called {name!r}; known: {', '.join(near)}")
            ids = np.intersect1d(members, scene.available)
            if not len(ids):
                raise UsageError(
                    f"none of the {len(members)} {self.kind} of group {name!r} is trained on and "
                    "still there"
                )
            found.append(ids)
        return np.unique(np.concatenate(found))
