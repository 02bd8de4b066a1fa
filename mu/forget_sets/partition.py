"""Random parts of what is kept, for models that were or were not trained on a sample."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mu.artifact import Artifact
from mu.data.base import Data, Ids, removed_elements
from mu.data.build import build_data
from mu.errors import UsageError
from mu.forget_sets.files import Request
from mu.forget_sets.helper_model import one_each, samples_of
from mu.forget_sets.request import check, selection


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


def parted(
    data: Data, before: Mapping[str, Ids], parts: int, rng: np.random.Generator
) -> list[Ids]:
    """Elements of `sample_kind` still kept, dealt out to parts whose sizes differ by at most one.

    Raises:
        UsageError: Fewer elements than parts.
    """
    kind = sample_kind(data)
    ids = data.elements(kind)
    kept = ids[np.isin(samples_of(data, kind, ids), data.without(before).ids)]
    if len(kept) < parts:
        raise UsageError(f"{len(kept)} {kind} are kept; {parts} parts need as many")
    return list(np.array_split(rng.permutation(kept), parts))


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
    rng = np.random.default_rng([seed & 0xFFFFFFFF, 4, half // 2])
    first, second = parted(data, before, 2, rng)
    return check(Request(sample_kind(data), second if half % 2 == 0 else first), data, before)


def fold(data: Data, before: Mapping[str, Ids], number: int, folds: int, seed: int) -> Request:
    """One of the parts that what is kept after ``before`` is dealt out to.

    A model trained without it has never seen its samples; over all folds each sample is once in
    the part left out.

    Args:
        data: The data.
        before: Elements already forgotten, by kind.
        number: Which part, from 0.
        folds: How many parts.
        seed: Seed of the draw.

    Raises:
        UsageError: A number that is none of them, or fewer elements than parts.
    """
    if not 0 <= number < folds:
        raise UsageError(f"fold={number} is none of {folds}, counted from 0")
    rng = np.random.default_rng([seed & 0xFFFFFFFF, 5, folds])
    chosen = parted(data, before, folds, rng)[number]
    return check(Request(sample_kind(data), chosen), data, before)


def step(config: dict[str, Any], inputs: dict[str, Any], progress: object) -> Artifact:
    """Step ``holdout``: what a model that helps to select is *not* trained on, as a selection.

    Config: ``data``, ``seed``, and ``half``, or ``fold`` and ``folds``. ``inputs["removed"]`` holds
    the selections before.
    """
    data, before = build_data(config["data"]), removed_elements(inputs["removed"])
    if "fold" in config:
        request = fold(data, before, config["fold"], config["folds"], config["seed"])
    else:
        request = other_half(data, before, config["half"], config["seed"])
    return selection(data, request, before)
