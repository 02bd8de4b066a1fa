"""Elements named one by one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mu.data.base import Data, Ids
from mu.errors import UsageError
from mu.forget_sets.files import read_ids


class IdSet:
    """Given ids, from the configuration or from a text file.

    Args:
        ids: The ids.
        path: Or a file that `mu.forget_sets.files.write_ids` wrote.
        kind: Kind of element; the file's own head wins.

    Raises:
        UsageError: Neither or both given, something that is no id, or the file was written for
            other data.
    """

    def __init__(
        self, ids: Sequence[int] | None = None, path: str | None = None, kind: str = "samples"
    ) -> None:
        if (ids is None) == (path is None):
            raise UsageError("a request by ids takes either ids or a path")
        if ids is not None and (isinstance(ids, str) or not isinstance(ids, Sequence)):
            raise UsageError(f"ids={ids!r} is not a list of ids")
        for one in ids or []:
            if isinstance(one, bool) or not isinstance(one, int):
                raise UsageError(f"{one!r} is not an id")
        self.kind, self.ids, self.path = kind, ids, path
        if path is not None:
            self.kind = read_ids(Path(path)).kind

    def select(self, data: Data, available: Ids, rng: np.random.Generator) -> Ids:
        """The ids as given; `mu.forget_sets.request.check` judges them."""
        if self.path is not None:
            return read_ids(Path(self.path), data.fingerprint()).ids
        return np.asarray(self.ids, np.int64)
