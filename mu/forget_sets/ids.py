"""Elements named one by one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mu.data.base import Data, Ids
from mu.data.file_names import FileNames
from mu.data.graphs import GraphData
from mu.data.listing import Listing, read_listing
from mu.errors import UsageError
from mu.forget_sets.files import Request, check_fingerprint
from mu.forget_sets.request import edges_of_rows
from mu.forget_sets.select import Scene


class IdSet:
    """Given ids, from the configuration or from a file; edges also by their end points.

    Args:
        ids: The ids.
        path: Or a file: .txt, .csv, .json, .npy, .pt (see `mu.data.listing`) of ids, of booleans
            (one for each id), of pairs of nodes, or of names of image files, in which ``*``
            stands for anything in a folder and ``**`` for anything.
        kind: Kind of element; what the file itself says wins.
        pairs: Or pairs of nodes with a trained edge between them, in either direction; the kind is
            then ``edges``.

    Raises:
        UsageError: None or several given, something that is no id, or the file was written for
            other data. When it selects: a pair that is no trained edge, or a file that is not
            there or not trained on.
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
        self.kind, self.ids = kind if pairs is None else "edges", ids
        self.listing: Listing | None = None
        if path is not None:
            self.listing = read_listing(Path(path))
            self.kind = kind_meant(self.listing, kind)

    @property
    def source(self) -> str | None:
        """The file, for messages."""
        return None if self.listing is None else self.listing.source

    def select(self, scene: Scene) -> NDArray[Any]:
        """The ids, booleans or pairs as given; `mu.forget_sets.request.check` judges them."""
        if self.listing is not None:
            return elements_of(self.listing, scene.data, scene.available)
        if self.pairs is not None:
            if not isinstance(scene.data, GraphData):
                raise UsageError(f"{type(scene.data).__name__} has no edges to name by pairs")
            return scene.data.edge_ids(self.pairs)
        return np.asarray(self.ids, np.int64)


def kind_meant(listing: Listing, kind: str) -> str:
    """Kind of the elements that a file names, where ``kind`` is meant if it does not say.

    Raises:
        UsageError: It holds pairs of nodes, and something else than edges is meant.
    """
    shape = listing.values.shape
    pairs = listing.pairs or (len(shape) == 2 and 2 in shape)
    if pairs and (listing.kind or kind) not in ("edges", "samples"):
        raise UsageError(
            f"{listing.source} holds pairs of nodes (shape {shape}), which name edges and not "
            f"{listing.kind or kind}"
        )
    return "edges" if pairs else listing.kind or kind


def elements_of(listing: Listing, data: Data, available: Ids) -> NDArray[Any]:
    """What a file names of a data set, as `mu.forget_sets.request.check` takes it.

    Args:
        listing: The file.
        data: The data.
        available: Samples that are trained on and not yet forgotten, for patterns of names.

    Raises:
        UsageError: It was written for other data, or names files that are not there.
    """
    if listing.data is not None:
        check_fingerprint(Path(listing.source), listing.data, data.fingerprint())
    if listing.names is not None:
        finder = FileNames(data.file_names, data.file_root, listing.source)
        return finder.find(listing.names, data, available)
    if listing.pairs and isinstance(data, GraphData):
        return edges_of_rows(listing.values, data)
    return listing.values


def request_from(path: str | Path, data: Data, kind: str = "samples") -> Request:
    """The request that a file of ids makes to a data set, for `mu.unlearn`.

    Args:
        path: The file, as of `IdSet`.
        data: The data.
        kind: Kind of element, where the file does not say it.

    Raises:
        UsageError: As `IdSet`.
    """
    listing = read_listing(Path(path))
    kind = kind_meant(listing, kind)
    return Request(kind, elements_of(listing, data, data.elements(kind)))


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
