"""What a score may see: the outputs of one model on a universe of ids, and who plays which part."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mu.errors import UsageError

Array = NDArray[Any]
Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


def as_ids(ids: ArrayLike, name: str = "ids") -> Ids:
    """`ids` as a one-dimensional int64 array.

    Raises:
        ValueError: They are not a flat list of whole numbers.
    """
    array = np.asarray(ids)
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must be a flat list of integers, got {array.dtype}{array.shape}")
    return array.astype(np.int64, copy=False)


def class_scores(logits: ArrayLike) -> Floats:
    """Logits as float64 columns, one per class; (n, 1) is read as the two columns (0, z).

    Args:
        logits: (n, C), or (n, 1) for a binary model whose probability is sigmoid(z).

    Raises:
        ValueError: `logits` is not two-dimensional.

    Example:
        >>> class_scores([[2.0], [-1.0]])
        array([[ 0.,  2.],
               [ 0., -1.]])
    """
    values = np.asarray(logits, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"logits must be (n, C), got shape {values.shape}")
    if values.shape[1] == 1:
        return np.concatenate([np.zeros_like(values), values], axis=1)
    return values


def log_softmax(logits: ArrayLike) -> Floats:
    """Ln p, (n, C) in float64, of `class_scores(logits)`."""
    z = class_scores(logits)
    if len(z):
        z = z - z.max(axis=1, keepdims=True)
    result: Floats = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return result


@dataclass(frozen=True, eq=False)
class Signals:
    """Outputs of one model on a universe of ids.

    Args:
        index: (n,) absolute ids, each once; usually sorted.
        logits: (n, C); (n, 1) for links and other binary tasks; (n, d) for regression.
        targets: (n,) integer labels (0/1 for links), floating point for regression.
        embeddings: (N, d) embeddings of all nodes of a graph, where they were kept.
        features: (n, d) what the head reads for each id, where it was kept.
        losses: (n,) values of a loss of the user's own, where there is one.

    Raises:
        ValueError: Lengths disagree or an id occurs twice.
    """

    index: Ids
    logits: Array
    targets: Array
    embeddings: Array | None = None
    features: Array | None = None
    losses: Array | None = None
    _order: Ids | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        """Check shapes and find out whether look-ups need an order."""
        index = as_ids(self.index, "index")
        object.__setattr__(self, "index", index)
        object.__setattr__(self, "logits", np.asarray(self.logits))
        object.__setattr__(self, "targets", np.asarray(self.targets))
        if self.logits.ndim != 2:
            raise ValueError(f"logits must be (n, C), got shape {self.logits.shape}")
        if not len(index) == len(self.logits) == len(self.targets):
            sizes = f"{len(index)}, {len(self.logits)}, {len(self.targets)}"
            raise ValueError(f"index, logits and targets differ in length: {sizes}")
        for name, rows in {"features": self.features, "losses": self.losses}.items():
            if rows is not None and len(rows) != len(index):
                raise ValueError(f"{len(index)} ids but {len(rows)} rows of {name}")
        if np.all(np.diff(index) > 0):
            return
        order = np.argsort(index, kind="stable")
        repeated = np.flatnonzero(np.diff(index[order]) == 0)
        if len(repeated):
            raise ValueError(f"id {index[order][repeated[0]]} occurs more than once in index")
        object.__setattr__(self, "_order", order)

    @property
    def classifies(self) -> bool:
        """Whether the targets are class labels: whole numbers, one a sample."""
        return self.targets.ndim == 1 and not np.issubdtype(self.targets.dtype, np.floating)

    def rows(self, ids: ArrayLike) -> Ids:
        """The row of every id, (m,).

        Raises:
            ValueError: Naming an id that has no row.
        """
        wanted = as_ids(ids)
        place = np.searchsorted(self.index, wanted, sorter=self._order)
        inside = np.minimum(place, max(len(self.index) - 1, 0))
        rows = inside if self._order is None else self._order[inside]
        known = self.index[rows] == wanted if len(self.index) else np.zeros(len(wanted), bool)
        if not np.all(known):
            missing = wanted[~known]
            raise ValueError(
                f"id {missing[0]} has no signal ({len(missing)} of {len(wanted)} miss)"
            )
        return rows.astype(np.int64, copy=False)

    def at(self, ids: ArrayLike) -> tuple[Floats, Array]:
        """(logits (m, C) as float64, targets (m,)) of `ids`, in their order.

        Raises:
            ValueError: Naming an id that has no row.

        Example:
            >>> signals = Signals([4, 7], [[0.5, 1.0], [2.0, 0.0]], [1, 0])
            >>> signals.at([7])
            (array([[2., 0.]]), array([0]))
        """
        rows = self.rows(ids)
        return self.logits[rows].astype(np.float64), self.targets[rows]


@dataclass(frozen=True, eq=False)
class Split:
    """Which absolute ids play which part after one request, each an int64 array.

    Args:
        forget: What this request forgets.
        before: What earlier requests of the sequence forgot; may be empty.
        retain: What is kept after the request.
        validation: Held out, never trained on.
        test: Held out, never trained on or tuned on.
        groups: (N,) class of every id at the level of labels that the request names, such as the
            fine classes of data trained by coarse ones; None for the labels trained on.
        pairs: (N, 2) nodes of every id, for links.
        own: What this request forgets and no model was trained on, such as a test node.
        earlier: ``before`` request by request, where somebody tells them apart.
    """

    forget: Ids
    before: Ids
    retain: Ids
    validation: Ids
    test: Ids
    groups: Array | None = None
    pairs: Array | None = None
    own: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    earlier: tuple[Ids, ...] = ()

    def __post_init__(self) -> None:
        """Read every part as int64 ids."""
        for name in PARTS:
            object.__setattr__(self, name, as_ids(getattr(self, name), name))

    def classes(self, signals: Signals, ids: Ids) -> Array:
        """The class of each id as the request tells classes apart, (m,)."""
        return signals.at(ids)[1] if self.groups is None else self.groups[ids]

    def part(self, name: str) -> Ids:
        """The ids of the part called `name`.

        Raises:
            UsageError: There is no such part.
        """
        if name not in PARTS:
            raise UsageError(f"no part {name!r}; choose from {', '.join(PARTS)}")
        ids: Ids = getattr(self, name)
        return ids


PARTS = ("forget", "before", "retain", "validation", "test", "own")
