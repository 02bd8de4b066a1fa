"""The operations whose per-sample gradients have a formula, and how they are called."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from mu.gradients.convolution import make_convolution
from mu.gradients.embedding import make_embedding
from mu.gradients.linear import make_linear
from mu.gradients.normalisation import (
    make_batch_norm,
    make_group_norm,
    make_layer_norm,
    make_rms_norm,
)
from mu.gradients.uses import Use


@dataclass(frozen=True)
class Kind:
    """An operation with a formula: its arguments in order, and what makes a use of a call."""

    arguments: tuple[str, ...]
    make: Callable[[dict[str, Any], dict[str, str], int], Use | None]


CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
NORMAL = ("input", "normalized_shape", "weight", "bias", "eps")
BATCH = (
    *("input", "running_mean", "running_var", "weight", "bias"),
    *("training", "momentum", "eps"),
)
TABLE = (
    *("input", "weight", "padding_idx", "max_norm", "norm_type"),
    *("scale_grad_by_freq", "sparse"),
)
KINDS: dict[Any, Kind] = {
    functional.linear: Kind(("input", "weight", "bias"), make_linear),
    torch.conv1d: Kind(CONVOLUTION, make_convolution),
    torch.conv2d: Kind(CONVOLUTION, make_convolution),
    torch.conv3d: Kind(CONVOLUTION, make_convolution),
    functional.batch_norm: Kind(BATCH, make_batch_norm),
    functional.layer_norm: Kind(NORMAL, make_layer_norm),
    functional.group_norm: Kind(("input", "num_groups", "weight", "bias", "eps"), make_group_norm),
    functional.rms_norm: Kind(("input", "normalized_shape", "weight", "eps"), make_rms_norm),
    functional.embedding: Kind(TABLE, make_embedding),
}
CONVOLUTIONS = (torch.conv1d, torch.conv2d, torch.conv3d)
ELEMENTWISE = {"add", "sub", "mul"}
BROADCASTS = (
    ELEMENTWISE
    | {f"__{before}{name}__" for name in ELEMENTWISE for before in ("", "r", "i")}
    | {f"{name}_" for name in ELEMENTWISE}
)
