"""Networks whose logits are a weighted sum of those of others, each as one network."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from mu.data.graphs import GraphInput
from mu.doors.outputs import logits_of
from mu.models.analytic import headless
from mu.models.base import output_of
from mu.models.graph import GraphNetwork
from mu.models.output_layer import output_layer

FINE = 1000.0  # noise is read off the logits past this: no class, and no rounding, decides it
EDGE = 1e-6  # nearer to 0 and 1 a quantile is not taken


def noise_of(logits: Tensor) -> Tensor:
    """Standard normal numbers that follow from the logits alone: the same whenever they are asked.

    The normal quantile of the fractional part of 1000 · logit.

    Args:
        logits: Any shape.

    Example:
        >>> [round(e, 1) for e in noise_of(torch.tensor([0.00025, 0.00075])).tolist()]
        [-0.7, 0.7]
    """
    part = torch.remainder(FINE * logits.double(), 1.0).clamp(EDGE, 1 - EDGE)
    found: Tensor = torch.special.ndtri(part).to(logits.dtype)
    return found


class NoisyLinear(nn.Linear):
    """A linear layer whose outputs are off by noise of a standard deviation.

    Args:
        in_features: Width of what it reads.
        out_features: Number of outputs.
        bias: Whether it has one.
        noise: The standard deviation.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool, noise: float) -> None:
        super().__init__(in_features, out_features, bias)
        self.noise = noise

    def forward(self, x: Tensor) -> Tensor:
        logits = super().forward(x)
        return logits + self.noise * noise_of(logits) if self.noise else logits


class Mixture(nn.Module):
    """Trunks side by side under one linear layer that reads them all.

    Args:
        network: One of the networks; it ends in a linear layer.
        copies: How many there are.
        noise: Standard deviation of the noise on the logits.
        head: Dotted name of that layer; None is the last in the order of definition.
        flat: Whether one logit is returned as (n,), not as (n, 1).
    """

    def __init__(
        self,
        network: nn.Module,
        copies: int,
        noise: float = 0.0,
        head: str | None = None,
        flat: bool = False,
    ) -> None:
        super().__init__()
        self.flat = flat
        last: Any = output_layer(network) if head is None else network.get_submodule(head)
        own = [network]
        own += [deepcopy(network) for _ in range(copies - 1)]
        self.trunks = nn.ModuleList(headless(one, head) for one in own)
        bias = last.bias is not None
        self.head = NoisyLinear(copies * last.in_features, last.out_features, bias, noise)
        self.head.to(last.weight.dtype)

    def features(self, x: Any) -> Tensor:
        """(n, copies · d) what the trunks say, side by side."""
        return torch.cat([logits_of(output_of(trunk, x), trunk) for trunk in self.trunks], dim=1)

    def forward(self, x: Any) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits[:, 0] if self.flat else logits


class LinkMixture(GraphNetwork):
    """Embeddings that are remembered and those of a network, so that inner products are summed.

    What is remembered was computed on another graph: the original is scored on the one it was
    trained on, and the same weights on the retained one are another row (``utu``).

    Args:
        network: Of which the embeddings are computed.
        remembered: Weight of the logits of what is remembered; not negative.
        computed: Weight of the logits of the network; not negative.
        nodes: How many embeddings are remembered.
        width: Of them.
        noise: Standard deviation of the noise on the logits.
    """

    depth = 1
    restricts = False

    def __init__(
        self,
        network: GraphNetwork,
        remembered: float,
        computed: float,
        nodes: int,
        width: int,
        noise: float = 0.0,
    ) -> None:
        super().__init__()
        self.network, self.remembered, self.computed = network, remembered, computed
        self.register_buffer("embeddings", torch.zeros(nodes, width))
        self.embeddings: Tensor
        self.noise = noise

    def layer(self, number: int, h: Tensor | None, x: GraphInput) -> Tensor:
        parts = [self.remembered**0.5 * self.embeddings] if self.remembered else []
        if self.computed:
            parts.append(self.computed**0.5 * self.network.encode(x))
        return torch.cat(parts, dim=1)

    def decode(self, z: Tensor, x: GraphInput) -> Tensor:
        logits = super().decode(z, x)
        return logits + self.noise * noise_of(logits) if self.noise else logits


@torch.no_grad()
def mixed_heads(
    networks: Sequence[nn.Module],
    weights: Sequence[float],
    noise: float,
    head: str | None = None,
    flat: bool = False,
) -> Mixture:
    """The network whose logits are the weighted sum of those of others, and noise.

    Args:
        networks: Of one architecture; each ends in a linear layer. They are not changed.
        weights: One a network.
        noise: Standard deviation of the noise.
        head: As for `Mixture`.
        flat: As for `Mixture`.
    """
    made = Mixture(deepcopy(networks[0]), len(networks), noise, head, flat)
    for trunk, network in zip(made.trunks, networks, strict=True):
        trunk.load_state_dict(headless(deepcopy(network), head).state_dict())
    heads: list[Any] = [
        output_layer(network) if head is None else network.get_submodule(head)
        for network in networks
    ]
    scaled = [(w, one) for w, one in zip(weights, heads, strict=True)]
    made.head.weight.copy_(torch.cat([w * one.weight for w, one in scaled], dim=1))
    if made.head.bias is not None:
        made.head.bias.copy_(torch.stack([w * one.bias for w, one in scaled]).sum(0))
    return made


@torch.no_grad()
def mixed_links(
    first: GraphNetwork,
    x: GraphInput,
    second: GraphNetwork | None,
    weights: Sequence[float],
    noise: float,
) -> LinkMixture:
    """The link predictor whose logits are the weighted sum of those of two, and noise.

    Args:
        first: Embeds once, here. It is not changed.
        x: On which graph.
        second: Embeds whatever graph it is asked on; None where its weight is 0.
        weights: Of the logits of the first and of the second, not negative.
        noise: Standard deviation of the noise.
    """
    z: Tensor = first.encode(x)
    nodes, width = z.shape
    made = LinkMixture(deepcopy(second or first), weights[0], weights[1], nodes, width, noise)
    made.embeddings.copy_(z)
    return made
