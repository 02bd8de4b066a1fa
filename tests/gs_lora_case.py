"""The golden file of GS-LoRA: its arrays as tensors, and its small Vision Transformer."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

GOLDEN = np.load(Path(__file__).parent / "golden" / "gs_lora_official_small.npz")


def tensor(name: str) -> Tensor:
    """One array; images become float64."""
    found = torch.tensor(GOLDEN[name])
    return found.double() if found.is_floating_point() else found


def value(name: str) -> float:
    """A number."""
    return float(GOLDEN[name])


def below(prefix: str) -> dict[str, Tensor]:
    """All arrays below a prefix, by the rest of their names."""
    names = [n for n in GOLDEN.files if n.startswith(f"{prefix}/")]
    return {n.removeprefix(f"{prefix}/"): tensor(n) for n in names}


def vit() -> VisionTransformer:
    """The golden network with its first weights, in float64."""
    about = {name: int(value(f"vit/config/{name}")) for name in ("image", "patch", "dim", "hidden")}
    network = VisionTransformer(
        img_size=about["image"],
        patch_size=about["patch"],
        embed_dim=about["dim"],
        depth=6,
        num_heads=1,
        mlp_ratio=about["hidden"] / about["dim"],
        qkv_bias=False,
        num_classes=int(value("vit/config/classes")),
        norm_layer=partial(nn.LayerNorm, eps=1e-5),
    ).double()
    network.load_state_dict(below("vit/init"), strict=True)
    return network.eval()


def batches(x: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
    """In stored order; the last may be short."""
    size = int(value("vit/config/batch"))
    return list(zip(x.split(size), y.split(size), strict=True))
