"""Elements named one by one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mu.data.base import Ids
from mu.data.graphs import GraphData
from mu.errors import UsageError
from mu.forget_sets.files import read_ids
from mu.forget_sets.select import Scene


class IdSet:
    """Given ids, from the configuration or from a text file; edges also by their end points.

    Args:
        ids: The ids.
        path: Or a file that `mu.forget_sets.files.write_ids` wrote.
        kind: Kind of element; the file's own head wins.
        pairs: Or pairs of nodes with a trained edge between them, in either direction; the kind is
            then ``edges``.

    Raises:
        UsageError: None or several given, something that is no id, or the file was written for
            other data. When it selects: a pair that is no trained edge.
    """

    def __init__(
        self,
        ids: Sequence[int] | None = None,
        path: str | None = None,
        kind: str = "samples",
        pairs: Sequence[Sequence[int]] | None = None,
    ) -> None:
        if sum(given is not None for given in (ids, path, pairs)) != 1:
            raise UsageError("a request by ids takes either ids, a path or pairs")
        self.pairs = None if pairs is None else checked_pairs(pairs)
        if ids is not None and (isinstance(ids, str) or not isinstance(ids, Sequence)):
            raise UsageError(f"ids={ids!r} is not a list of ids")
        for one in ids or []:
            if isinstance(one, bool) or not isinstance(one, int):
                raise UsageError(f"{one!r} is not an id")
        self.kind, self.ids, self.path = kind if pairs is None else "edges", ids, path
        if path is not None:
            self.kind = read_ids(Path(path)).kind

    def select(self, scene: Scene) -> Ids:
        """The ids as given; `mu.forget_sets.request.check` judges them."""
        if self.path is not None:
            return read_ids(Path(self.path), scene.data.fingerprint()).ids
        if self.pairs is not None:
            if not isinstance(scene.data, GraphData):
                raise UsageError(f"{type(scene.data).__name__} has no edges to name by pairs")
            return scene.data.edge_ids(self.pairs)
        return np.asarray(self.ids, np.int64)


def checked_pairs(pairs: Sequence[Sequence[int]]) -> Ids:
    """(n, 2) node numbers.

    Raises:
        UsageError: Naming what is no pair.
    """
    if isinstance(pairs, str) or not isinstance(pairs, Sequence) or not len(pairs):
        raise UsageError(f"pairs={pairs!r} is not a list of pairs of nodes")
    for one in pairs:
        named = isinstance(one, Sequence) and len(one) == 2
        if not named or not all(type(node) is int for node in one):
            raise UsageError(f"{one!r} is not a pair of nodes")
    return np.asarray(pairs, np.int64)
