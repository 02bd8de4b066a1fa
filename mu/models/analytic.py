"""A frozen backbone, a random expansion of its features, and a linear head on top."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mu.data.base import Batch
from mu.data.graphs import GraphInput
from mu.doors.nested import mapped, tensors_of
from mu.errors import NotApplicable, UsageError
from mu.models.base import output_of
from mu.models.channels_last import images_last, is_channels_last
from mu.models.chunks import CHUNK, filled_up, size_of_chunks
from mu.models.graph import GraphNetwork
from mu.models.output_layer import output_layer


class AnalyticNetwork(nn.Module):
    r"""Logits of an analytic head: W · relu(P f(x)), f and P frozen.

    The expansion of a row is the same to the last bit whatever batch it comes in, as unlearning
    needs it: batches are cut into, or filled up to, chunks of one size (`size_of_chunks`). P is
    drawn uniformly from ±1/√p, as a linear layer without bias is.

    Args:
        backbone: Gives p features for each row as the input of its head, which is taken out. A
            graph network gives its last hidden layer for node classes.
        in_features: P.
        num_classes: Number of logits.
        expansion: Width d of the expansion; more is more accurate, memory grows with its square.
        seed: Of P.
        head: Dotted name of the linear layer in the backbone that makes its logits; None is the
            last in the order of definition.

    Raises:
        UsageError: A width below 1, or a head that is not there.
    """

    def __init__(
        self,
        backbone: nn.Module,
        in_features: int,
        num_classes: int,
        expansion: int = 1024,
        seed: int = 0,
        head: str | None = None,
    ) -> None:
        super().__init__()
        for name, value in {"in_features": in_features, "expansion": expansion}.items():
            if value < 1:
                raise UsageError(f"AnalyticNetwork: {name}={value} is not a positive number")
        self.backbone = headless(backbone, head).requires_grad_(False)
        self.register_buffer("expansion", torch.empty(in_features, expansion))
        self.head = nn.Linear(expansion, num_classes, bias=False)
        self.expansion: Tensor
        self.chunk_size: int | None = None  # found when the first samples come
        self.draw(seed)

    def draw(self, seed: int) -> None:
        """Draw P anew."""
        generator = torch.Generator().manual_seed(seed)
        bound = len(self.expansion) ** -0.5
        drawn = torch.rand(self.expansion.shape, generator=generator) * (2 * bound) - bound
        self.expansion.copy_(drawn)

    def train(self, mode: bool = True) -> "AnalyticNetwork":
        """As ever, but the backbone stays in evaluation mode: its statistics are frozen."""
        super().train(mode)
        self.backbone.eval()
        return self

    def features(self, x: Any) -> Tensor:
        """(n, d) expanded features φ(x), in the precision of the weights."""
        with torch.no_grad(), torch.autocast(self.expansion.device.type, enabled=False):
            graph = isinstance(x, GraphInput)
            rows = representation(self.backbone, x) if graph else x
            expand = self.expanded if graph else self.chunk
            count = len(tensors_of(rows)[0])
            if self.chunk_size is None and count:
                self.chunk_size = size_of_chunks(expand, rows)
            starts = range(0, max(count, 1), self.chunk_size or CHUNK)
            return torch.cat([expand(mapped(rows, self.chunk_from(at))) for at in starts])

    def chunk_from(self, start: int) -> Callable[[Tensor], Tensor]:
        """Takes the rows of the chunk that begins there."""
        return lambda tensor: tensor[start : start + (self.chunk_size or CHUNK)]

    def filled(self, rows: Tensor) -> Tensor:
        """Rows with zeros below, a whole chunk."""
        return filled_up(rows, self.chunk_size or CHUNK)

    def chunk(self, x: Any) -> Tensor:
        """φ of the samples of a chunk."""
        count = len(tensors_of(x)[0])
        if is_channels_last(self.backbone):
            x = mapped(x, images_last)
        found = representation(self.backbone, mapped(x, self.filled))
        check_rows(found, max(self.chunk_size or CHUNK, count))
        return self.expanded(found)[:count]

    def expanded(self, features: Tensor) -> Tensor:
        """relu(P f) of the rows of a chunk."""
        whole = self.filled(features).to(self.expansion.dtype)
        return torch.relu(whole @ self.expansion)[: len(features)]

    def forward(self, x: Any) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits


def representation(backbone: nn.Module, x: Any) -> Tensor:
    """(n, p) features of a network without its head."""
    if isinstance(backbone, GraphNetwork) and backbone.depth > 1 and x.pairs is None:
        hidden = backbone.layers(x)[-2].relu()
        return hidden if x.nodes is None else hidden[x.nodes]
    found: Any = output_of(backbone, x)
    read: Tensor = getattr(found, "logits", found)  # what the head of an output object was given
    return read


def headless(network: nn.Module, head: str | None = None) -> nn.Module:
    """The network with its head replaced by nothing, in place; a graph network stays as it is.

    Args:
        network: Any.
        head: Dotted name of the layer; None is the last linear one in the order of definition, or
            none where there is no linear one.

    Raises:
        UsageError: There is no such layer.
    """
    if isinstance(network, GraphNetwork):
        return network
    linear = {n: m for n, m in network.named_modules() if isinstance(m, nn.Linear)}
    if head is None and not linear:
        return network
    if head is None:
        head = next(name for name, m in linear.items() if m is output_layer(network))
    if head not in linear:
        raise UsageError(f"{type(network).__name__} has no linear layer {head!r}")
    if not head:
        return nn.Identity()
    parent, _, name = head.rpartition(".")
    setattr(network.get_submodule(parent), name, nn.Identity())
    return network


def expanded(network: AnalyticNetwork, batch: Batch) -> tuple[Tensor, Tensor]:
    """Features (n, d) and class ids (n,) of a batch, on the CPU."""
    if batch.y.is_floating_point():
        raise NotApplicable("not applicable: ACU needs class ids as targets")
    found = network.features(batch.x).cpu()
    check_rows(found, len(batch.y))
    return found, batch.y.cpu()


def check_rows(features: Tensor, count: int) -> None:
    """Refuse features that are not one row a sample.

    Raises:
        UsageError: They are not.
    """
    if len(features) != count:
        raise UsageError(
            f"the backbone gives {len(features)} rows for {count} samples; ACU needs inputs whose "
            "first dimension are the samples"
        )
