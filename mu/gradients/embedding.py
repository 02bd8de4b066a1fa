"""Per-sample gradients of embeddings."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from mu.gradients.sink import Sink
from mu.gradients.uses import Use


class Embedding(Use):
    """Rows of a table looked up by (n, …) numbers; only those rows have a gradient.

    Args:
        roles: The table is the "weight".
        x: (n, …) row numbers.
        rows: How many rows the table has.
        padding: The row that has no gradient, or None.
    """

    def __init__(self, roles: dict[str, str], x: Tensor, rows: int, padding: int | None) -> None:
        super().__init__(roles, x)
        self.rows, self.padding = rows, padding

    def size(self, role: str, g: Tensor) -> int:
        return self.rows * g.shape[-1]

    def per_sample(self, role: str, g: Tensor, rows: slice) -> Tensor:
        found = self.x[rows].flatten(1)
        gradients = g[rows].reshape(*found.shape, -1)
        if self.padding is not None:
            gradients = gradients * (found != self.padding)[..., None]
        table = gradients.new_zeros(len(found), self.rows, gradients.shape[-1])
        return table.scatter_add_(1, found[..., None].expand_as(gradients), gradients)

    def collect(self, g: Tensor, sink: Sink, roles: Iterable[str]) -> None:
        if "weight" not in roles:
            return
        flat = self.x.flatten(1)
        gradients = g.reshape(*flat.shape, -1)
        for group, part in sink.parts(2 * gradients[0].numel()):
            found = flat[part]
            place = found + self.rows * torch.arange(len(found), device=found.device)[:, None]
            pairs, inverse = torch.unique(place, return_inverse=True)  # of sample and row
            sums = gradients.new_zeros(len(pairs), gradients.shape[-1])
            sums.index_add_(0, inverse.flatten(), gradients[part].flatten(0, 1))
            rows = pairs % self.rows
            if self.padding is not None:
                rows, sums = rows[rows != self.padding], sums[rows != self.padding]
            powers = sums.square_() if sink.power == "square" else sums.abs_()
            sink.sums(self.roles["weight"], group).index_add_(0, rows, powers)


def make_embedding(call: dict[str, Any], roles: dict[str, str], n: int) -> Use | None:
    """A use, or None where lookups change or rescale the table."""
    x, table = call["input"], call["weight"]
    if x.dim() == 0 or len(x) != n or call.get("max_norm") is not None:
        return None
    if call.get("scale_grad_by_freq"):
        return None
    padding = call.get("padding_idx")
    return Embedding(roles, x, len(table), None if padding is None else padding % len(table))
