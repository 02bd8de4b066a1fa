"""Random halves of what is kept, for models that were or were not trained on a sample."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mu.artifact import Artifact
from mu.data.base import Data, Ids, removed_elements
from mu.data.build import build_data
from mu.errors import UsageError
from mu.forget_sets.files import Request
from mu.forget_sets.request import check, selection
from mu.forget_sets.seen import one_each, samples_of


def sample_kind(data: Data) -> str:
    """Kind of element whose removal takes one training sample each out of training.

    Raises:
        UsageError: The data have none.
    """
    for kind in sorted(data.kinds):
        ids = data.elements(kind)
        samples = one_each(data, kind, ids)
        # Forgotten features stand for a sample each, too, but the sample stays in training.
        if samples is not None and samples[0] not in data.without({kind: ids[:1]}).ids:
            return kind
    raise UsageError("no element of these data stands for one training sample, so none is halved")


def other_half(data: Data, before: Mapping[str, Ids], half: int, seed: int) -> Request:
    """What is kept after ``before`` but is *not* in a half: removing it leaves the half.

    Halves 2j and 2j + 1 are complements of each other, their sizes differ by at most one, and each
    j is a new draw.

    Args:
        data: The data.
        before: Elements already forgotten, by kind.
        half: Number of the half, from 0.
        seed: Seed of the draw.

    Raises:
        UsageError: A negative half, or fewer than two elements.
    """
    if half < 0:
        raise UsageError(f"half={half} is negative")
    kind = sample_kind(data)
    ids = data.elements(kind)
    samples = samples_of(data, kind, ids)
    kept = ids[np.isin(samples, data.without(before).ids)]
    if len(kept) < 2:
        raise UsageError(f"{len(kept)} {kind} are kept; two halves need two")
    rng = np.random.default_rng([seed & 0xFFFFFFFF, 4, half // 2])
    order = rng.permutation(kept)
    first, second = order[: len(order) // 2], order[len(order) // 2 :]
    return check(Request(kind, second if half % 2 == 0 else first), data, before)


def step(config: dict[str, Any], inputs: dict[str, Any], progress: object) -> Artifact:
    """Step ``halves``: a half as a selection, so that `fit` trains on it by removing the rest.

    Config: ``data``, ``half``, ``seed``. ``inputs["removed"]`` holds the selections before.
    """
    data, before = build_data(config["data"]), removed_elements(inputs["removed"])
    return selection(data, other_half(data, before, config["half"], config["seed"]), before)
