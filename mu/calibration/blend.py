"""A model that is known to be wrong, or half right: a subject for the null test of verdicts."""

from copy import deepcopy
from typing import Any, ClassVar

import torch
from torch import nn

from mu.calibration.mixture import LinkMixture, Mixture, mixed_heads, mixed_links
from mu.errors import NotApplicable, UsageError
from mu.models.base import Learner
from mu.models.graph import GraphNetwork
from mu.models.output_layer import head_inputs, output_layer
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
    so that scores of features see both. ε is standard normal and follows from the logits.

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
        self.look()
        found = {network: self.original}
        if self.retrained:
            found |= {self.other(): self.retrained}
        parts = {one: weight for one, weight in found.items() if weight}
        self.weights = list(parts.values())
        make: Any = mixed_links if self.links else mixed_heads
        self.learner.network = make(list(parts), self.weights, self.noise).eval()
        self.facts = {"original": self.original, "retrained": self.retrained, "noise": self.noise}

    def look(self) -> None:
        """Refuse networks of which the logits are no inner products, nor of one linear layer."""
        first = self.first_batch("forget", batch_size=1)
        if self.links:
            if first.x.pairs is None:
                raise NotApplicable("not applicable: Blend serves links and classifiers, no nodes")
            return
        self.meter.forward += first.units
        with torch.no_grad():
            head = output_layer(self.learner.network)
            head_inputs(self.learner, move(first, self.context.device), head)

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
        if self.links:
            target = "mu.calibration.mixture.LinkMixture"
            return enclosed(model, "network", target, weights=self.weights, noise=self.noise)
        target, count = "mu.calibration.mixture.Mixture", len(self.weights)
        return enclosed(model, "network", target, copies=count, noise=self.noise)
