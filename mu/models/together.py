"""Several models on one reading of the parts: nothing is held but what they say."""

import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from mu.data.base import Batch
from mu.doors.guest import evaluation_mode, where_it_lies
from mu.doors.loaders import Read
from mu.doors.nested import moved
from mu.doors.twins import Twins, refuse_retained, row_digests
from mu.errors import UsageError
from mu.evaluation.signals import Signals, Split
from mu.models.base import Learner
from mu.models.speaker import Speaker

EARLIER = "before["  # how the names of parts begin that earlier requests forgot


def listen(
    learners: Sequence[Learner],
    parts: Mapping[str, Read],
    device: str,
    features: bool,
    twins: Twins | None = None,
) -> tuple[list[Signals], Split]:
    """Signals of some models on forget, retain and test, in one reading of each.

    A loader may shuffle or augment: all models are shown the same batches. Warns where samples of
    D_f are found in other parts, byte for byte.

    Args:
        learners: Left as they were.
        parts: ``forget``, ``retain`` and ``test``; perhaps ``own``, and ``before[0]``,
            ``before[1]``, …, what earlier requests forgot.
        device: Where to compute.
        features: Whether to keep what heads read; they are dropped where a class of D_f is
            retained, since no score reads them then.
        twins: What is to see the digests of all samples; nothing is warned of then.

    Raises:
        UsageError: A batch is none, a target has no class, or D_r holds half of D_f or more.
    """
    order = ["forget", "retain", "test", "own"]
    order += [name for name in parts if name.startswith(EARLIER)]
    sizes = dict.fromkeys(order, 0)
    gone: set[Any] = set()
    seen, same = Twins() if twins is None else twins, Twins()  # by inputs alone, and with targets
    with ExitStack() as stack:
        # A module handed over twice is moved and read once.
        for learner in {id(learner): learner for learner in learners}.values():
            stack.enter_context(where_it_lies(learner, device))
            stack.enter_context(evaluation_mode(learner))
        stack.enter_context(torch.no_grad())
        speakers = [Speaker(one, features, losses=one.own_loss) for one in learners]
        for name in sizes:
            for batch in parts.get(name, ()):
                digests = row_digests(batch.x, len(batch))
                seen.see(name, digests)
                if digests and twins is None:
                    targets = row_digests(batch.y, len(batch))
                    same.see(name, (a + b for a, b in zip(digests, targets, strict=False)))
                if name == "forget":
                    gone |= _classes(batch)
                if name == "retain" and gone & _classes(batch):
                    for speaker in speakers:
                        speaker.forget_features()
                there = Batch(moved(batch.x, device), batch.y.to(device), batch.index)
                for speaker in speakers:
                    _hear(speaker, there)
                sizes[name] += len(batch)
            if name == "retain" and twins is None:
                refuse_retained(same.counts["retain="], len(same.forgotten))
    for sentence in [] if twins is not None else seen.said():
        warnings.warn(sentence, stacklevel=4)
    ends = np.cumsum([0, *sizes.values()])
    forget, retain, test, own, *earlier = (np.arange(*pair) for pair in pairwise(ends))
    before, empty = np.arange(ends[4], ends[-1]), np.empty(0, np.int64)
    split = Split(forget, before, retain, empty, test, own=own, earlier=tuple(earlier))
    return [speaker.signals() for speaker in speakers], split


def _hear(speaker: Speaker, batch: Batch) -> None:
    """One batch, without features where the network has no head."""
    try:
        speaker.hear(batch)
    except UsageError:
        if not speaker.features:
            raise
        speaker.forget_features()
        speaker.hear(batch)


def _classes(batch: Batch) -> set[int]:
    """The classes of a batch; none where its targets are no classes."""
    whole = batch.y.dim() == 1 and not batch.y.is_floating_point()
    return set(batch.y.tolist()) if whole else set()
