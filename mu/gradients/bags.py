"""Bags of embeddings by operations that can be differentiated twice."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode


def twice_differentiable_bags(network: nn.Module) -> AbstractContextManager[Any]:
    """Inside, the bags of a network with `torch.nn.EmbeddingBag` are those of `bag`."""
    has_some = any(isinstance(module, nn.EmbeddingBag) for module in network.modules())
    return _Bags() if has_some else nullcontext()


class _Bags(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        # What changes weights or gradients on the way is torch's alone.
        plain = not any(given.get(name) for name in ("max_norm", "scale_grad_by_freq"))
        if func is functional.embedding_bag and plain and given.get("mode") != "max":
            return bag(*args, **given)
        return func(*args, **given)


def bag(
    ids: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    *,
    mode: str = "mean",
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
    **_: Any,
) -> Tensor:
    """(n, d) sums or means of rows of a table, as `torch.nn.functional.embedding_bag` gives them.

    Args:
        ids: (n, k) rows of each bag, or (m,) with ``offsets``.
        weight: (rows, d) table.
        offsets: (n,) where bags begin.
        mode: "sum" or "mean".
        per_sample_weights: Of each id, in the shape of ``ids``.
        include_last_offset: Whether the last offset is m.
        padding_idx: A row that counts as not there.

    Example:
        >>> table = torch.tensor([[1.0], [2.0], [4.0]])
        >>> bag(torch.tensor([[0, 2], [1, 1]]), table, mode="sum").tolist()
        [[5.0], [4.0]]
    """
    if offsets is None:
        count, owner = len(ids), torch.arange(len(ids), device=ids.device)
        owner = owner.repeat_interleave(ids.shape[1])
    else:
        starts = offsets[:-1] if include_last_offset else offsets
        count, places = len(starts), torch.arange(len(ids), device=ids.device)
        owner = torch.searchsorted(starts.contiguous(), places.to(starts.dtype), right=True) - 1
    flat = ids.flatten()
    there = torch.ones_like(flat, dtype=weight.dtype)
    if padding_idx is not None:
        there = (flat != padding_idx).to(weight.dtype)
    scale = there if per_sample_weights is None else there * per_sample_weights.flatten()
    rows = functional.embedding(flat, weight) * scale[:, None]
    sums = rows.new_zeros(count, weight.shape[1]).index_add(0, owner, rows)
    if mode == "sum":
        return sums
    sizes = there.new_zeros(count).index_add(0, owner, there)
    return sums / sizes.clamp(min=1)[:, None]
