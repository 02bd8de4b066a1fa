"""Elements on which a method ends farthest from a model that never saw them."""

from dataclasses import replace
from typing import Any

import numpy as np

from mu.data.base import Ids
from mu.errors import UsageError
from mu.evaluation.signals import Floats, log_softmax
from mu.forget_sets.budget import budget, extremes
from mu.forget_sets.reads_models import Ranks
from mu.forget_sets.search.lower import LowerLevel
from mu.forget_sets.search.setting import Setting
from mu.forget_sets.select import Scene
from mu.models.predict import predict
from mu.unlearning.base import Unlearner
from mu.unlearning.options import one_of


class HardToUnlearnSet(Ranks):
    r"""Elements with the largest expected distance between a method and its oracle.

    .. math:: d_i = \mathrm{KL}\big(p_{-S}(\cdot \mid x_i) \,\|\, p_{u(S)}(\cdot \mid x_i)\big),
        \qquad i \in S

    What is kept is dealt out to folds S. The method forgets each fold from a model trained on all;
    a model trained without the fold is its oracle. Every sample is then judged once, by a model
    that never contained it. This is what users mean by hard to unlearn; the worst case of
    arXiv 2403.07362 (`mu.forget_sets.worst_case`) finds samples that nobody has to unlearn.

    Args:
        method: The method, which forgets each fold as an ordinary request.
        order: ``highest`` (hardest) or ``lowest``.
        distance: "kl", nats, or "loss": the absolute difference of losses.
        folds: Number of parts; 1 ÷ ``share`` makes them as large as the set to be forgotten.
        learners: Models trained on all that the method starts from; distances are averaged.
        same_seed: Start from the very model that is scored afterwards.
        which: ``share``, ``count`` and ``kind`` as for `Ranks`.

    Raises:
        UsageError: An option that makes no sense.
    """

    def __init__(
        self,
        method: Unlearner,
        order: str = "highest",
        distance: str = "kl",
        folds: int = 5,
        learners: int = 1,
        same_seed: bool = False,
        **which: Any,
    ) -> None:
        one_of(distance=(distance, ("kl", "loss")))
        if not isinstance(method, Unlearner):
            raise UsageError(f"method={method!r} is no method; name one, as in method: finetune")
        super().__init__(order, {"folds": folds, "learners": learners}, **which)
        self.method, self.distance, self.folds = method, distance, folds

    def select(self, scene: Scene) -> Ids:
        """Ids of the elements, sorted; among equal distances the lowest ids."""
        ids, samples = self.elements(scene)
        data = scene.data
        setting: Setting = scene.setting
        without, starts = scene.models[: self.folds], scene.models[self.folds :]
        wanted = budget(self.share, self.count, len(ids))
        total, progress = np.zeros(len(ids)), setting.context.progress
        quiet = replace(setting, context=replace(setting.context, progress=None))
        for number, start in enumerate(starts):
            where = (data, self.kind, ids, samples, quiet, "binary")
            level = LowerLevel(self.method, start.learner, *where)
            for place, oracle in enumerate(without):
                fold = ~np.isin(samples, oracle.trained)
                learner, view = level(fold.astype(float))
                batches = data.loader(samples[fold], view, batch_size=setting.batch_size)
                found = predict(learner, batches, setting.context.device)
                values = distances(oracle.signals.at(samples[fold]), found.logits, self.distance)
                total[fold] += values / len(starts)
                if progress is not None:
                    progress(number * self.folds + place + 1, self.folds * len(starts))
        chosen = extremes(ids, total, self.order, wanted)
        inside = np.isin(ids, chosen)
        self.facts = {
            "distance": self.distance,
            "distance_chosen": float(total[inside].mean()),
            "distance_all": float(total.mean()),
        }
        return chosen


def distances(oracle: tuple[Any, Any], logits: Any, kind: str) -> Floats:
    """(n,) distances of a model from its oracle on samples.

    Args:
        oracle: (n, C) logits and (n,) labels of the oracle.
        logits: (n, C) of the model.
        kind: "kl" (nats) or "loss".

    Example:
        >>> distances((np.zeros((1, 2)), np.array([0])), np.array([[9.0, 0.0]]), "loss").round(2)
        array([0.69])
    """
    wanted, own = log_softmax(oracle[0]), log_softmax(logits)
    if kind == "kl":
        found: Floats = (np.exp(wanted) * (wanted - own)).sum(axis=1)
        return found
    rows, labels = np.arange(len(own)), oracle[1]
    apart: Floats = np.abs(own[rows, labels] - wanted[rows, labels])
    return apart
