"""A model that is known to be wrong, or half right: a subject for the null test of verdicts."""

from copy import deepcopy
from typing import Any, ClassVar

import torch
from torch import nn

from mu.calibration.mixture import LinkMixture, Mixture, mixed_heads, mixed_links
from mu.data.base import Batch
from mu.doors.outputs import logits_of
from mu.errors import NotApplicable, UsageError
from mu.models.base import Learner, output_of
from mu.models.graph import GraphNetwork
from mu.models.output_layer import head_of, name_of
from mu.models.weights import MEMORY, load_weights
from mu.parts.part import move
from mu.unlearning.base import Unlearner, enclosed
from mu.unlearning.options import not_negative


class Blend(Unlearner):
    r"""Mix the logits of the original with those of a retrained model, and with noise.

    .. math:: z = a \, z_\text{original} + b \, z_\text{retrained} + \sigma \, \varepsilon(x)

    No unlearning method: with b > 0 it is handed the very model that unlearning is to replace. What
    share of the original is left is known, so a verdict on it can be right or wrong. The result is
    one network: its last layer reads the trunks of both, or its embeddings are theirs side by side,
    so that scores of features see both. Of links the original's part stays as it was on the graph
    it was trained on, as the row ``original`` is scored. ε is standard normal and follows from the
    logits.

    Args:
        original: a, the weight of the original's logits; 0.5 and 2 rescale them.
        retrained: b, the weight of the logits of a model that never saw the request: that of the
            row ``null``.
        noise: σ, the standard deviation of the noise.

    Raises:
        UsageError: A negative number, or both weights 0. When it is applied: nobody hands over the
            retrained model, it has another architecture, or a classifier does not end in one
            linear layer.
        NotApplicable: A graph network for classes of nodes, or a model that is a blend already.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget"})
    requests: ClassVar[frozenset[str]] = frozenset({"samples", "edges"})
    changes: ClassVar[frozenset[str]] = frozenset({"weights", "architecture"})

    def __init__(self, original: float = 1.0, retrained: float = 0.0, noise: float = 0.0) -> None:
        super().__init__()
        not_negative(original=original, retrained=retrained, noise=noise)
        if not original and not retrained:
            raise UsageError("original=0 and retrained=0 leave no model; one must be positive")
        self.original, self.retrained, self.noise = original, retrained, noise

    def solve(self) -> None:
        network: Any = self.learner.network
        if isinstance(network, Mixture | LinkMixture):
            raise NotApplicable(
                "not applicable: Blend mixes a model that was trained, not a blend; take "
                "sequence=cumulative for requests in a row"
            )
        self.links = isinstance(network, GraphNetwork)
        other: Any = self.other() if self.retrained else None
        first = self.first_batch("forget", batch_size=1)
        self.meter.forward += first.units
        made: Any
        if self.links:
            made = self.links_of(network, other, first)
        else:
            here = move(first, self.context.device)
            self.head = name_of(network, head_of(self.learner, here))
            with torch.no_grad():
                self.flat = logits_of(output_of(network, here.x), network).dim() == 1
            parts = {network: self.original} | ({other: self.retrained} if other else {})
            parts = {one: weight for one, weight in parts.items() if weight}
            self.copies = len(parts)
            made = mixed_heads(list(parts), list(parts.values()), self.noise, self.head, self.flat)
            check_trunk(made, network, here)
        self.learner.network = made.eval()
        self.facts = {"original": self.original, "retrained": self.retrained, "noise": self.noise}

    def links_of(self, network: GraphNetwork, other: GraphNetwork | None, first: Batch) -> Any:
        """The mixture of link predictors, the original on the graph it was trained on."""
        if first.x.pairs is None:
            raise NotApplicable("not applicable: Blend serves links and classifiers, no nodes")
        x = move(first, self.context.device).x
        return mixed_links(network, x, other, [self.original, self.retrained], self.noise)

    def other(self) -> nn.Module:
        """The retrained network."""
        if "retrained" not in self.stored:
            raise UsageError(
                f"retrained={self.retrained} needs a model that never saw the request: an "
                'experiment trains it; in Python give stored={"retrained": model.state_dict()}'
            )
        found: Learner = deepcopy(self.learner)
        given = self.stored["retrained"].items()
        weights = {name: tensor for name, tensor in given if not name.startswith(MEMORY)}
        load_weights(found, weights, "of the retrained model")
        return found.network

    def model_of(self, model: dict[str, Any]) -> dict[str, Any]:
        made: Any = self.learner.network
        if self.links:
            nodes, width = made.embeddings.shape
            size = {"nodes": nodes, "width": width, "noise": self.noise}
            weights = {"remembered": self.original, "computed": self.retrained}
            target = "mu.calibration.mixture.LinkMixture"
            return enclosed(model, "network", target, **weights, **size)
        target = "mu.calibration.mixture.Mixture"
        size = {"copies": self.copies, "noise": self.noise, "head": self.head, "flat": self.flat}
        return enclosed(model, "network", target, **size)


@torch.no_grad()
def check_trunk(made: Mixture, network: nn.Module, batch: Batch) -> None:
    """Refuse a network that cuts the output of its last layer: it would cut its features, too.

    Raises:
        UsageError: Without that layer it does not return features (n, d).
    """
    found = logits_of(output_of(made.trunks[0].eval(), batch.x), network)
    if found.shape != (len(batch), made.head.in_features // len(made.trunks)):
        raise UsageError(
            f"Blend reads what {type(network).__name__} returns without its last layer, and that "
            f"is {tuple(found.shape)} for {len(batch)} samples: return logits (n, 1), not [:, 0]"
        )
