"""Random splits of labelled samples into parts, balanced over the classes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mu.data.base import Ids
from mu.errors import UsageError


def check_shares(**shares: float) -> None:
    """Refuse shares of parts that are not positive or leave nothing to train on.

    Raises:
        UsageError: Naming them.

    Example:
        >>> check_shares(validation=0.5, test=0.5)
        Traceback (most recent call last):
        mu.errors.UsageError: shares validation=0.5, test=0.5 must be positive and leave a rest
    """
    if not (all(share > 0 for share in shares.values()) and sum(shares.values()) < 1):
        given = ", ".join(f"{part}={share}" for part, share in shares.items())
        raise UsageError(f"shares {given} must be positive and leave a rest")


def balanced_order(labels: NDArray[Any], seed: int) -> Ids:
    """Random order in which every prefix holds the classes in nearly equal numbers."""
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(labels))
    rank = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        rank[members] = np.arange(len(members))
    return shuffled[np.lexsort((rng.random(len(labels)), rank[shuffled]))]


def drawn_parts(
    labels: NDArray[Any],
    first: int,
    n_train: int | None,
    validation: int | Ids,
    n_test: int | None,
    split_seed: int,
) -> dict[str, Ids]:
    """Parts of a data set that comes with its own test part.

    Args:
        labels: (N,) classes; the published training part, then the published test part.
        first: Samples in the published training part.
        n_train: Samples to train on, a class-balanced draw; None for all that validation leaves.
        validation: How many samples of the published training part are kept for validation, or
            which.
        n_test: Test samples to use, a class-balanced draw; None for all.
        split_seed: Seed of the draws.

    Raises:
        UsageError: The counts do not fit, or leave a part empty.

    Example:
        >>> parts = drawn_parts(np.arange(10) % 2, 8, None, 2, 2, 0)
        >>> {name: len(ids) for name, ids in parts.items()}
        {'train': 6, 'validation': 2, 'test': 2}
    """
    tested = len(labels) - first
    named = not isinstance(validation, int)
    n_validation = validation if isinstance(validation, int) else len(validation)
    wanted = (n_train if n_train is not None else first - n_validation) + n_validation
    if not (n_validation < wanted <= first) or not (named or n_validation > 0):
        raise UsageError(
            f"n_train={n_train}, n_validation={n_validation} do not fit {first} images"
        )
    if n_test is not None and not 0 < n_test <= tested:
        raise UsageError(f"n_test={n_test} does not fit {tested} test images")
    order = balanced_order(labels[:first], split_seed)
    if not isinstance(validation, int):  # those named first, and nobody drawn
        order = np.concatenate([validation, order[~np.isin(order, validation)]])
    test = np.arange(first, len(labels))
    if n_test is not None:
        test = test[balanced_order(labels[first:], split_seed)[:n_test]]
    return {
        "train": order[n_validation:wanted],
        "validation": order[:n_validation],
        "test": test,
    }


def stratified(
    labels: NDArray[Any], shares: Mapping[str, float], names: list[str], split_seed: int
) -> dict[str, Ids]:
    """A random share of each class for each named part, and the rest for ``train``.

    Each class gives at least one sample to every part.

    Args:
        labels: (N,) classes.
        shares: Part → its share of each class, in (0, 1).
        names: Names of the classes, for messages.
        split_seed: Seed of the draw.

    Raises:
        UsageError: The shares leave nothing to train on, or a class is too small for them.

    Example:
        >>> parts = stratified(np.arange(20) % 2, {"test": 0.2}, ["even", "odd"], 0)
        >>> {name: len(ids) for name, ids in parts.items()}
        {'test': 4, 'train': 16}
    """
    check_shares(**shares)
    rng = np.random.default_rng(split_seed)
    found: dict[str, list[Ids]] = {part: [] for part in (*shares, "train")}
    for label, name in enumerate(names):
        members = rng.permutation(np.flatnonzero(labels == label))
        ends = np.cumsum([max(1, round(share * len(members))) for share in shares.values()])
        if ends[-1] >= len(members):
            raise UsageError(
                f"class {name!r} has {len(members)} images: too few for {', '.join(found)}"
            )
        for part, ids in zip(found, np.split(members, ends), strict=True):
            found[part].append(ids)
    return {part: np.concatenate(ids) for part, ids in found.items()}
