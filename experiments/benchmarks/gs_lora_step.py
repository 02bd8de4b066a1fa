"""A step of GS-LoRA ÷ the step of its peer: a frozen base, two passes, PEFT, fused attention.

A Vision Transformer of dim 384, depth 6, 65 tokens, rank 8, batches of 48 + 48 (aims: ≤ 0.75 exact
in fp32 with adapters in all blocks, ≤ 0.45 in bf16, ≤ 0.3 with adapters in the upper half). A step
is both forward passes, the loss with its group penalty, the backward pass, and AdamW. Rows further
down say what each lever gives alone; gradients are compared with the peer's. Random images.
Needs peft. Words after the command are other batch sizes than 48.
"""

import resource
import sys
from typing import Any

import torch
from ratio import compare, conditions
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor
from torch.nn import functional

from mu.lora.adapters import Adapters
from mu.lora.groups import group_sparsity, proximal_step
from mu.lora.stages import Stages

SHAPE = {"img_size": 32, "patch_size": 4, "embed_dim": 384, "depth": 6, "num_heads": 6}
CLASSES, RANK, BOUND, ALPHA, RATE = 100, 8, 14.0, 1e-2, 1e-3


def network() -> VisionTransformer:
    """The same weights each time."""
    torch.manual_seed(0)
    return VisionTransformer(num_classes=CLASSES, **SHAPE).eval().requires_grad_(False)


class Step:
    """One training step; a variant says its logits and which matrices it trains."""

    def __init__(self, batch: int, bf16: bool = False) -> None:
        generator = torch.Generator().manual_seed(1)
        draw = [torch.randn(batch, 3, 32, 32, generator=generator) for _ in range(2)]
        self.images, self.bf16 = draw, bf16
        self.labels = [torch.randint(0, CLASSES, (batch,), generator=generator) for _ in range(2)]

    def begin(self, matrices: list[Tensor], groups: list[list[Tensor]]) -> None:
        """Take what is trained."""
        self.matrices, self.groups = matrices, groups
        self.optimizer = torch.optim.AdamW(matrices, lr=RATE, weight_decay=0.0)

    def logits(self, which: int) -> Tensor:
        """Logits of the replayed (0) or forgotten (1) batch."""
        raise NotImplementedError

    def penalty(self) -> Any:
        """Ω as a term of the loss; zero where a proximal step follows."""
        return ALPHA * group_sparsity(self.groups)

    def gradients(self) -> list[Tensor]:
        """Backward of the loss at the present matrices."""
        self.optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            kept, gone = (
                functional.cross_entropy(self.logits(i).float(), self.labels[i]) for i in (0, 1)
            )
            loss = kept + 0.15 * torch.relu(BOUND - gone) + self.penalty()
        torch.autograd.backward(loss)
        return [m.grad.clone() for m in self.matrices if m.grad is not None]

    def __call__(self) -> None:
        self.gradients()
        self.optimizer.step()


class Peer(Step):
    """PEFT's layers in timm's blocks."""

    def __init__(self, batch: int, bf16: bool = False, first: int = 0) -> None:
        from peft import LoraConfig, inject_adapter_in_model

        super().__init__(batch, bf16)
        blocks = "|".join(map(str, range(first, SHAPE["depth"])))
        names = rf"blocks\.({blocks})\.mlp\.fc[12]"
        config = LoraConfig(r=RANK, lora_alpha=1, target_modules=names)
        self.net: Any = inject_adapter_in_model(config, network(), "default")
        trained = [p for n, p in self.net.named_parameters() if "lora_" in n]
        self.begin(trained, [trained[i : i + 4] for i in range(0, len(trained), 4)])

    def logits(self, which: int) -> Tensor:
        found: Tensor = self.net(self.images[which])
        return found


class Ours(Step):
    """Our layer; ``staged``: behind what is kept of the first stage, one row of the last block."""

    def __init__(self, batch: int, bf16: bool = False, first: int = 0, staged: bool = True) -> None:
        super().__init__(batch, bf16)
        self.net = network()
        blocks = list(range(first, SHAPE["depth"]))
        self.adapters = Adapters(self.net, RANK, blocks=blocks)
        self.stages = Stages(self.net, first) if staged else None
        if self.stages is not None:
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                self.states = [self.stages.before(x) for x in self.images]
        self.begin(self.adapters.parameters, self.adapters.groups())

    def logits(self, which: int) -> Tensor:
        if self.stages is not None:
            return self.stages.after(self.states[which])[1]
        found: Tensor = self.net(self.images[which])
        return found

    def penalty(self) -> Any:
        return 0.0

    def __call__(self) -> None:
        super().__call__()
        proximal_step(self.groups, RATE * ALPHA)


def same(ours: Step, peer: Step) -> float:
    """Relative difference of the gradients at the same matrices, without the penalty."""
    with torch.no_grad():
        for own, other in zip(ours.matrices, peer.matrices, strict=True):
            own.copy_(torch.randn_like(own) * 0.02)
            other.copy_(own)
    before, found = peer.penalty, ours.gradients()
    peer.penalty = lambda: 0.0  # type: ignore[method-assign]
    wanted = peer.gradients()
    peer.penalty = before  # type: ignore[method-assign]
    pairs = list(zip(found, wanted, strict=True))
    off = sum(float((a - b).square().sum()) for a, b in pairs)
    return float((off / sum(float(b.square().sum()) for _, b in pairs)) ** 0.5)


def main() -> None:
    """All variants against the peer of the same batch, in fp32."""
    conditions()
    total = sum(p.numel() for p in network().parameters())
    for batch in [int(word) for word in sys.argv[1:]] or [48]:
        peer, upper = Peer(batch), Peer(batch, first=3)
        variants = {
            "our layer alone": (Ours(batch, staged=False), peer),
            "staged, all blocks, fp32": (Ours(batch), peer),
            "staged, all blocks, bf16": (Ours(batch, bf16=True), peer),
            "staged, upper half, fp32": (Ours(batch, first=3), upper),
            "staged, upper half, bf16": (Ours(batch, bf16=True, first=3), upper),
            "peer in bf16": (Peer(batch, bf16=True), peer),
        }
        for name, (ours, reference) in variants.items():
            print(f"gradients off by {same(ours, reference):.0e}; ", end="")
            compare(f"{name} ÷ peer with adapters in all blocks, {batch} + {batch}", ours, peer)
        trained = sum(p.numel() for p in peer.matrices)
        print(f"trained share {trained / total:.4f} of {total} parameters")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of all variants together: {peak:.0f} MB")


if __name__ == "__main__":
    main()
