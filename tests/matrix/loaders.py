"""Every way in which users hand over samples, around one problem."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from matrix.problem import BATCH, COUNT, TRAINED, Problem, forgotten, retained
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

Pair = tuple[Any, Any]


@dataclass
class Loaded:
    """Three loaders and what the user says about them.

    Attributes:
        same: The same samples as plain pairs: results must be equal.
        strict: Whether what the plain pairs are refused may not be served here either.
        nearly: Whether rounding may differ from the plain pairs.
        empty: Names of the parts without samples: a method that reads one must refuse.
        whole: Whether each part holds all samples of the problem's own.
    """

    forget: Iterable[Any]
    retain: Iterable[Any]
    test: Iterable[Any]
    words: dict[str, Any] = field(default_factory=dict)
    same: "Loaded | None" = None
    strict: bool = False
    nearly: bool = False
    empty: frozenset[str] = frozenset()
    whole: bool = False


PARTS = {"forget": forgotten(), "retain": retained(), "test": torch.arange(TRAINED, COUNT)}


def plain(problem: Problem, **other: Tensor) -> Loaded:
    """Lists of pairs; ``other`` takes the place of the ids of a part."""
    parts = {name: problem.pairs(ids) for name, ids in (PARTS | other).items()}
    return Loaded(**parts, whole=not other)


def each(problem: Problem, make: Callable[[list[Pair]], Any], **facts: Any) -> Loaded:
    """What ``make`` does of the pairs of each part; the plain pairs are the same."""
    same = plain(problem)
    parts = {name: make(list(getattr(same, name))) for name in PARTS}
    return Loaded(**parts, same=same, **facts)


def pairwise(problem: Problem, change: Callable[[Any, Any], Any], **facts: Any) -> Loaded:
    return each(problem, lambda pairs: [change(*pair) for pair in pairs], **facts)


class Rows(Dataset):
    """Samples one by one."""

    def __init__(self, problem: Problem, ids: Tensor) -> None:
        self.problem, self.ids = problem, ids

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, i: int) -> Pair:
        x, y = self.problem.rows(self.ids[i : i + 1])
        return x[0], y[0]


class Streamed(IterableDataset):
    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[Pair]:
        for i in range(len(self.rows)):
            yield self.rows[i]


def loaders(problem: Problem, same: Loaded | None = None, **options: Any) -> Loaded:
    """DataLoaders; shuffled ones have a random state of their own."""
    found = {}
    for name, ids in PARTS.items():
        own = {"generator": torch.Generator().manual_seed(0)} if "shuffle" in options else {}
        found[name] = DataLoader(Rows(problem, ids), **({"batch_size": BATCH} | options | own))
    return Loaded(**found, same=same)


def streams(problem: Problem) -> Loaded:
    found = {n: DataLoader(Streamed(Rows(problem, ids)), BATCH) for n, ids in PARTS.items()}
    return Loaded(**found, same=plain(problem))


def dropping(problem: Problem) -> Loaded:
    """Batches of three; the last two samples are left out."""
    kept = {n: ids[: len(ids) // 3 * 3] for n, ids in PARTS.items()}
    parts = {n: [problem.rows(p) for p in ids.split(3)] for n, ids in kept.items()}
    return loaders(problem, Loaded(**parts), batch_size=3, drop_last=True)


def batches_of(size: int) -> Callable[[Problem], Loaded]:
    def make(problem: Problem) -> Loaded:
        parts = {n: [problem.rows(p) for p in ids.split(size)] for n, ids in PARTS.items()}
        return Loaded(**parts)

    return make


def relabelled(problem: Problem, label: int) -> Loaded:
    """One label in D_f and one in D_r that no class has; the plain pairs have a legal one."""

    def spoilt(x: Any, y: Tensor) -> Pair:
        y = y.clone()
        y[0] = label
        return x, y

    def mended(x: Any, y: Tensor) -> Pair:
        return spoilt(x, y)[0], torch.cat([torch.zeros_like(y[:1]), y[1:]])

    found = pairwise(problem, spoilt, strict=True)
    found.same = pairwise(problem, mended)
    return found


def infinite(problem: Problem) -> Loaded:
    def spoilt(x: Tensor, y: Tensor) -> Pair:
        x = x.clone()
        x.view(len(x), -1)[0, 0] = torch.inf
        return x, y

    found = pairwise(problem, spoilt)
    found.same = None
    return found


def without(problem: Problem, part: str) -> Loaded:
    found = plain(problem, **{part: torch.empty(0, dtype=torch.int64)})
    found.empty = frozenset({part})
    return found


def mixed(problem: Problem) -> Loaded:
    """D_f is of every class."""
    some = torch.arange(0, TRAINED, 5)
    others = torch.tensor([i for i in range(TRAINED) if i % 5])
    return plain(problem, forget=some, retain=others)


def twice(problem: Problem) -> Loaded:
    """What is forgotten stands in D_r, too."""
    return plain(problem, retain=torch.arange(TRAINED))


def images(x: Any, y: Any) -> dict[str, Any]:
    return {"image": x, "label": y}


def numbered(x: Any, y: Any) -> tuple[Any, ...]:
    return x, y, torch.arange(len(y))


def number_first(x: Any, y: Any) -> tuple[Any, ...]:
    return torch.arange(len(y)), x, y


NAMED, PLACED = {"fields": ("image", "label")}, {"fields": (0, 1)}
LAST = {"fields": (1, 2)}
LOADERS: dict[str, Callable[[Problem], Loaded]] = {
    "pairs": plain,
    "lists": lambda p: pairwise(p, lambda x, y: [x, y]),
    "loader": lambda p: loaders(p, plain(p)),
    "shuffled": lambda p: loaders(p, shuffle=True),
    # Forked: started anew, each worker would import torch again.
    "workers": lambda p: loaders(p, plain(p), num_workers=2, multiprocessing_context="fork"),
    "drop_last": dropping,
    "generator": lambda p: each(p, lambda pairs: (pair for pair in pairs)),
    "stream": streams,
    "last_of_one": batches_of(5),
    "ones": batches_of(1),
    "one_batch": batches_of(COUNT),
    "one_forgotten": lambda p: plain(p, forget=forgotten()[:1]),
    "one_retained": lambda p: plain(p, retain=retained()[:1]),
    "every_class": mixed,
    "overlap": twice,
    "triples": lambda p: pairwise(p, numbered, strict=True),
    "triples_said": lambda p: pairwise(p, numbered, words=PLACED),
    "triples_last_said": lambda p: pairwise(p, number_first, words=LAST),
    "triples_last": lambda p: pairwise(p, number_first, strict=True),
    "mapping": lambda p: pairwise(p, images, strict=True),
    "mapping_said": lambda p: pairwise(p, images, words=NAMED),
    "fields_not_there": lambda p: pairwise(p, images, words={"fields": ("x", "y")}, strict=True),
    "numpy": lambda p: pairwise(p, lambda x, y: (x.numpy(), y.numpy())),
    "int32": lambda p: pairwise(p, lambda x, y: (x, y.int())),
    "int16": lambda p: pairwise(p, lambda x, y: (x, y.short())),
    "uint8": lambda p: pairwise(p, lambda x, y: (x, y.byte())),
    "column": lambda p: pairwise(p, lambda x, y: (x, y[:, None])),
    "float_labels": lambda p: pairwise(p, lambda x, y: (x, y.float()), strict=True),
    "list_labels": lambda p: pairwise(p, lambda x, y: (x, y.tolist())),
    "float64_inputs": lambda p: pairwise(p, lambda x, y: (x.double(), y), strict=True),
    "one_hot": lambda p: pairwise(p, lambda x, y: (x, torch.eye(3)[y]), nearly=True),
    "shorter_labels": lambda p: pairwise(p, lambda x, y: (x, y[:-1]), strict=True),
    "inputs_alone": lambda p: pairwise(p, lambda x, y: x, strict=True),
    "inputs_in_tuples": lambda p: pairwise(p, lambda x, y: (x,), strict=True),
    "outside": lambda p: relabelled(p, 7),
    "minus_one": lambda p: relabelled(p, -1),
    "ignored": lambda p: relabelled(p, -100),
    "infinite": infinite,
    "no_forget": lambda p: without(p, "forget"),
    "no_retain": lambda p: without(p, "retain"),
    "a_batch": lambda p: each(p, lambda pairs: pairs[0], strict=True),
    "not_iterable": lambda p: each(p, lambda pairs: 3, strict=True),
    "readonly_numpy": lambda p: pairwise(p, lambda x, y: (locked(x), locked(y))),
}


def locked(tensor: Tensor) -> np.ndarray:
    found = tensor.numpy().copy()
    found.flags.writeable = False
    return found
