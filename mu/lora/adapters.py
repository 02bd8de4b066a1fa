"""Adapters on the feed-forward layers of a transformer: put on, grouped, merged, exported."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mu.errors import NotApplicable, UsageError
from mu.lora.layer import LoRALinear

FEED_FORWARD = re.compile(r"^(?P<block>(?:.*\.)?blocks\.\d+)\.mlp\.(?P<layer>.+)$")
PREFIX, A_NAME = "base_model.model.", ".lora_A.weight"  # of PEFT's names
KINDS = ("block", "lora", "matrix")


class Adapters:
    """One adapter on every feed-forward linear layer of a network, in place.

    Args:
        network: A Vision Transformer or Swin of timm, or any network with ``blocks.i.mlp.*``.
        rank: R of every pair.
        scale: As for `LoRALinear`.
        seed: Of the A.
        width: As for `LoRALinear`.
        blocks: Places of the blocks that get adapters; None means all.

    Raises:
        NotApplicable: The network has no such layers.
        UsageError: A place that there is not.
    """

    def __init__(
        self,
        network: nn.Module,
        rank: int = 8,
        scale: float | None = None,
        seed: int = 0,
        width: float = 1.0,
        blocks: list[int] | None = None,
    ) -> None:
        if rank < 1:
            raise UsageError(f"rank={rank} must be at least 1")
        self.network, self.rank = network, rank
        names = feed_forward(network)
        places = list(dict.fromkeys(block_of(name) for name in names))
        if blocks is not None and not set(blocks) <= set(range(len(places))):
            raise UsageError(f"blocks={blocks}: the network has blocks 0 to {len(places) - 1}")
        chosen = set(places if blocks is None else [places[i] for i in blocks])
        generator = torch.Generator().manual_seed(seed)
        self.layers: dict[str, LoRALinear] = {}
        for name in names:
            if block_of(name) in chosen:
                base: Any = network.get_submodule(name)
                layer = LoRALinear(base, rank, scale, generator, width)
                self.layers[name] = layer
                replace(network, name, layer)

    @property
    def parameters(self) -> list[Tensor]:
        """All A and B."""
        return [matrix for layer in self.layers.values() for matrix in (layer.A, layer.B)]

    def groups(self, kind: str = "block") -> list[list[Tensor]]:
        """Tensors that vanish together: of a block, of an adapter, or each matrix alone.

        Raises:
            UsageError: Another kind.
        """
        if kind not in KINDS:
            raise UsageError(f"groups={kind!r} is not one of {', '.join(KINDS)}")
        if kind == "matrix":
            return [[matrix] for matrix in self.parameters]
        found: dict[str, list[Tensor]] = {}
        for name, layer in self.layers.items():
            found.setdefault(block_of(name) if kind == "block" else name, []).extend(
                (layer.A, layer.B)
            )
        return list(found.values())

    def merge(self) -> None:
        """Add every adapter to its layer and remove it: the network is a plain one again."""
        for name, layer in self.layers.items():
            replace(self.network, name, layer.merge())

    def effects(self) -> Tensor:
        """‖s B A‖ ÷ ‖W‖ of each layer, (layers,)."""
        with torch.no_grad():
            return torch.stack(
                [layer.delta.norm() / layer.base.weight.norm() for layer in self.layers.values()]
            )

    def tensors(self) -> dict[str, Tensor]:
        """A and B under the names that PEFT gives them."""
        return {
            f"{PREFIX}{name}.lora_{letter}.weight": matrix.detach().clone()
            for name, layer in self.layers.items()
            for letter, matrix in (("A", layer.A), ("B", layer.B))
        }


def write_peft(tensors: Mapping[str, Tensor], scale: float, folder: Path) -> None:
    """Write adapters as PEFT reads them: ``adapter_model.safetensors`` and ``adapter_config.json``.

    Args:
        tensors: As `Adapters.tensors` names them.
        scale: S of W + s B A.
        folder: Made where it is missing.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    copies = {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}
    save_file(copies, folder / "adapter_model.safetensors")
    narrow = {name: t for name, t in tensors.items() if name.endswith(A_NAME)}
    rank = len(next(iter(narrow.values())))
    config = {
        "peft_type": "LORA",
        "r": rank,
        "lora_alpha": scale * rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "target_modules": [n.removeprefix(PREFIX).removesuffix(A_NAME) for n in narrow],
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n")


def feed_forward(network: nn.Module) -> list[str]:
    """Names of the linear layers of all feed-forward parts, in order.

    Raises:
        NotApplicable: There are none.
    """
    found = [
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and FEED_FORWARD.match(name)
    ]
    if not found:
        raise NotApplicable(
            f"not applicable: {type(network).__name__} has no feed-forward layers "
            "(blocks.i.mlp.*) for adapters; take a Vision Transformer or a Swin of timm"
        )
    return found


def block_of(name: str) -> str:
    """The block that a feed-forward layer belongs to."""
    found = FEED_FORWARD.match(name)
    assert found is not None
    return found["block"]


def replace(network: nn.Module, name: str, module: nn.Module) -> None:
    """Put a module in the place of another."""
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, module)
