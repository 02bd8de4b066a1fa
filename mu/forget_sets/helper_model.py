"""What a selector may know of models: their signals, and what each was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mu.data.base import Data, Ids
from mu.errors import CellFailed, UsageError
from mu.evaluation.signals import Floats, Signals, class_scores, log_softmax


@dataclass(frozen=True, eq=False)
class HelperModel:
    """A model that helps to select; it is never one of those that are evaluated afterwards.

    Attributes:
        signals: Its outputs on the universe.
        trained: Ids of the samples it was trained on.
        learner: The model itself, for selectors that ask for learners.
    """

    signals: Signals
    trained: Ids
    learner: Any = None


def losses(signals: Signals, samples: Ids) -> Floats:
    """(n,) cross-entropy −ln p_y in nats; logits (n, 1) are read as the two columns (0, z).

    Raises:
        UsageError: The targets are no classes.
        CellFailed: A loss that is not finite: the model has diverged.

    Example:
        >>> losses(Signals([4, 7], [[0.0], [0.0]], [1, 0]), np.array([7])).round(3)
        array([0.693])
    """
    if not signals.classifies:
        raise UsageError("the targets are no classes, so there is no loss to select by")
    logits, targets = signals.at(samples)
    with np.errstate(invalid="ignore"):
        found: Floats = -log_softmax(logits)[np.arange(len(samples)), targets]
    wrong = np.flatnonzero(~np.isfinite(found))
    if len(wrong):
        raise CellFailed(
            f"the loss of sample {samples[wrong[0]]} is {found[wrong[0]]} ({len(wrong)} are not "
            f"finite): a model that helps to select has diverged; lower its learning rate"
        )
    return found


def correct(signals: Signals, samples: Ids) -> NDArray[np.bool_]:
    """(n,) whether the highest logit is the label's; see `losses` for what is refused."""
    losses(signals, samples)
    logits, targets = signals.at(samples)
    found: NDArray[np.bool_] = class_scores(logits).argmax(axis=1) == targets
    return found


def trained_on(samples: Ids, models: Sequence[HelperModel]) -> NDArray[np.bool_]:
    """(models, n) which model was trained on which sample.

    Raises:
        UsageError: A sample that every model was trained on.
    """
    inside = np.array([np.isin(samples, model.trained) for model in models])
    known = np.flatnonzero(inside.all(axis=0))
    if len(known):
        raise UsageError(
            f"sample {samples[known[0]]} was in every model's training set; this needs models that "
            "were trained without it"
        )
    return inside


def one_each(data: Data, kind: str, ids: Ids) -> Ids | None:
    """(n,) the training sample each element stands for, or None where it is not one of its own.

    Asks `Data.affected` for the elements whose position has a bit set and for the others, bit by
    bit: 2 log₂ n calls name the partner of each sample, where one call an element takes minutes on
    a large graph.
    """
    found = np.unique(data.affected(kind, ids))
    if len(found) != len(ids):
        return None
    positions = np.arange(len(ids))
    partner = np.zeros(len(ids), np.int64)
    for bit in range(max(len(ids) - 1, 0).bit_length()):
        chosen = (positions >> bit) & 1 == 1
        has = np.isin(found, data.affected(kind, ids[chosen]))
        if (has == np.isin(found, data.affected(kind, ids[~chosen]))).any():
            return None
        partner |= has.astype(np.int64) << bit
    if len(np.unique(partner)) != len(ids):
        return None
    samples = np.empty_like(found)
    samples[partner] = found
    return samples


def samples_of(data: Data, kind: str, ids: Ids) -> Ids:
    """(n,) the training sample each element stands for.

    Raises:
        UsageError: They do not stand for one sample each.
    """
    samples = one_each(data, kind, ids)
    if samples is None:
        raise UsageError(
            f"{kind} of these data do not stand for one training sample each, so they have no "
            f"loss of their own; choose another kind of element or another request"
        )
    return samples


def trained_elements(
    data: Data, kind: str, available: Ids, models: Sequence[HelperModel]
) -> tuple[Ids, Ids]:
    """Elements whose sample at least one model was trained on, and those samples, (n,) each.

    Raises:
        UsageError: No model, elements that do not stand for one sample each, or none trained on.
    """
    if not models:
        raise UsageError("a selector that reads models was given none")
    samples = samples_of(data, kind, available)
    known = np.isin(samples, np.concatenate([model.trained for model in models]))
    if not known.any():
        raise UsageError(f"the models that select were trained on none of these {kind}")
    return available[known], samples[known]
