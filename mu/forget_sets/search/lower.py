"""The lower level of a search: a method forgets with weights, and what is lost is looked at."""

import copy
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from mu.artifact import Artifact
from mu.data.base import Batch, Data, Ids, View, removed_elements
from mu.errors import CellFailed, UsageError
from mu.evaluation.signals import Floats
from mu.forget_sets.files import Request
from mu.forget_sets.request import selection
from mu.forget_sets.search.setting import Setting
from mu.models.base import Learner, evaluation_mode
from mu.parts.part import DataPart, WeightedPart, move
from mu.training.fit import Meter
from mu.unlearning.apply import apply
from mu.unlearning.base import Unlearner
from mu.unlearning.options import one_of
from mu.unlearning.serve import parts_for


class LowerLevel:
    """A method that forgets the samples of elements, each to a share, always from one model.

    With ``fractional`` membership sample i is in D_r with weight 1 − w_i and in D_f with weight
    w_i, so that the method must honour weights; on graphs messages pass along all edges. With
    ``binary`` the shares must be 0 or 1 and any method serves: it is handed an ordinary request.

    Args:
        method: The method with its options; a copy runs.
        learner: The model it starts from, each time.
        data: The data.
        kind: Kind of element.
        elements: (n,) ids of the elements that have a share.
        samples: (n,) the training sample each stands for.
        setting: What was forgotten before, and where to run.
        membership: ``fractional`` or ``binary``.

    Raises:
        UsageError: A method that cannot be used so.
    """

    def __init__(
        self,
        method: Unlearner,
        learner: Learner,
        data: Data,
        kind: str,
        elements: Ids,
        samples: Ids,
        setting: Setting,
        membership: str = "fractional",
    ) -> None:
        name = type(method).__name__
        one_of(membership=(membership, ("fractional", "binary")))
        if method.requests and kind not in method.requests:
            served = ", ".join(sorted(method.requests))
            raise UsageError(f"lower={name} forgets {served}, not {kind}")
        if membership == "fractional" and not method.weighted:
            raise UsageError(
                f"lower={name} ignores the weights of samples, so a fractional set means nothing "
                "to it; use membership=binary, or a method that honours them, as finetune, "
                "neggrad_plus, random_labels or retrain"
            )
        if membership == "fractional" and method.needs & {"full", "kept"}:
            raise UsageError(f"lower={name} reads all data at once; use membership=binary")
        self.method, self.learner, self.data, self.kind = method, learner, data, kind
        self.elements, self.samples, self.setting = elements, samples, setting
        self.membership = membership
        self.before = [
            Artifact({"kind": kind}, {"elements": ids}) for kind, ids in setting.before.items()
        ]
        self.view = data.without(setting.before).view
        self.passes = [0, 0]  # forward and backward, in the unit of the data
        self.look = 0  # what one look at all losses takes

    def __call__(self, shares: Floats, seed: int | None = None) -> tuple[Learner, View]:
        """The model that forgot each element to its share, and the view it is to be looked at in.

        The view is without the elements for ``binary`` membership and with all for ``fractional``.

        Args:
            shares: (n,) w, in [0, 1].
            seed: Seed of what the method draws; by default that of the setting, each time.
        """
        context = self.setting.context
        if seed is not None:
            context = replace(context, seed=seed)
        if self.membership == "binary":
            chosen = Request(self.kind, self.elements[shares > 0.5])
            made = selection(self.data, chosen, self.setting.before)
            parts: dict[str, Any] = dict(parts_for(self.data, self.method, self.before, made))
            view = self.data.without(removed_elements([*self.before, made])).view
        else:
            parts, view = self.weighted_parts(shares), self.view
        found = apply(copy.deepcopy(self.method), self.learner, parts, context)
        self.passes[0] += found.meter.forward
        self.passes[1] += found.meter.backward
        return found.learner, view

    def weighted_parts(self, shares: Floats) -> dict[str, DataPart]:
        """D_r with weights 1 − w and D_f with weights w; what weighs nothing is in neither."""
        trained = self.data.without(self.setting.before).ids
        kept = np.ones(len(trained))
        kept[np.searchsorted(trained, self.samples)] -= shares
        retain, forget = kept > 0, kept < 1
        return {
            "retain": WeightedPart(self.data, trained[retain], self.view, kept[retain]),
            "forget": WeightedPart(self.data, trained[forget], self.view, 1 - kept[forget]),
            "validation": DataPart(self.data, self.data.parts["validation"], self.view),
        }

    def losses(self, learner: Learner, view: View) -> Floats:
        """(n,) loss of each element's sample, in evaluation mode and without augmentation.

        Raises:
            UsageError: The model's loss does not give one number a sample.
            CellFailed: A loss is not finite.
        """
        meter, size = Meter(), self.setting.batch_size
        batches = meter.count(self.data.loader(self.samples, view, batch_size=size), backward=False)
        found = sample_losses(learner, batches, self.setting.context.device)
        self.look = meter.forward
        self.passes[0] += meter.forward
        wrong = np.flatnonzero(~np.isfinite(found))
        if len(wrong):
            raise CellFailed(
                f"the loss of sample {self.samples[wrong[0]]} is {found[wrong[0]]} after "
                f"forgetting ({len(wrong)} are not finite): the lower level has diverged; lower "
                "its learning rate"
            )
        return found


@torch.no_grad()
def sample_losses(learner: Learner, batches: Iterable[Batch], device: str = "cpu") -> Floats:
    """(n,) losses of single samples, in evaluation mode and float64.

    Raises:
        UsageError: The model's loss does not give one number a sample.
    """
    with evaluation_mode(learner):
        learner.to(device)
        found = [
            losses_of(learner, move(batch, device)).double().cpu().numpy() for batch in batches
        ]
        learner.cpu()
    return np.concatenate(found)


def losses_of(learner: Learner, batch: Batch) -> torch.Tensor:
    """(n,) losses of a batch.

    Raises:
        UsageError: They are not one a sample.
    """
    logits, targets = learner.outputs(batch)
    losses = learner.loss(logits, targets, "none")
    if losses.shape != (len(batch),):
        raise UsageError(
            f"{type(learner).__name__}.loss(reduction='none') gave {tuple(losses.shape)} for "
            f"{len(batch)} samples; a search needs one loss a sample"
        )
    return losses
