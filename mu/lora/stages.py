"""A Vision Transformer in two stages: what no adapter can change, and what is behind it."""

from typing import Any

import torch
from timm.layers.attention import Attention
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional

from mu.models.timm import TimmModel


class Stages:
    """Runs a Vision Transformer of timm around the feed-forward part of one of its blocks.

    What comes before it has no adapter and is constant for a sample: it can be kept. Behind the
    last attention only the class token is read, so that the last block asks for that row alone.
    Values and gradients are those of the network itself (a test).

    Args:
        network: One that `fits`.
        first: Place of the first block with an adapter.
    """

    def __init__(self, network: nn.Module, first: int) -> None:
        self.network, self.first = network, first
        self.net: Any = network.net if isinstance(network, TimmModel) else network

    @staticmethod
    def fits(network: nn.Module) -> bool:
        """Whether the network is plain enough: class token, no dropout, ordinary blocks."""
        net: Any = network.net if isinstance(network, TimmModel) else network
        if type(net) is not VisionTransformer or net.global_pool != "token":
            return False
        blocks: Any = net.blocks
        if any(type(b) is not Block or type(b.attn) is not Attention for b in blocks):
            return False
        plain = all(b.attn.gate is None for b in blocks)
        drops: Any = [
            m for m in net.modules() if isinstance(m, nn.Dropout) or hasattr(m, "drop_prob")
        ]
        return plain and all(not getattr(m, "p", getattr(m, "drop_prob", 0)) for m in drops)

    def before(self, x: Tensor) -> Tensor:
        """(n, tokens, d) what the feed-forward part of the first adapted block reads."""
        net = self.net
        if isinstance(self.network, TimmModel):
            x = self.network.scaled(x)
        x = net.norm_pre(net.patch_drop(net._pos_embed(net.patch_embed(x))))
        for block in net.blocks[: self.first]:
            x = block(x)
        block = net.blocks[self.first]
        state: Tensor = x + block.ls1(block.attn(block.norm1(x)))
        return state

    def after(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (n, d) and logits (n, C) of what `before` gave."""
        net, last = self.net, len(self.net.blocks) - 1
        x = state
        for place in range(self.first, last + 1):
            block = net.blocks[place]
            if place == last:
                x = x[:, :1] if place == self.first else attended(block, x)
            elif place > self.first:
                x = x + block.ls1(block.attn(block.norm1(x)))
            x = x + block.ls2(block.mlp(block.norm2(x)))
        found: Tensor = net.head_drop(net.fc_norm(net.norm(x)[:, 0]))
        return found, net.head(found)


def attended(block: Any, x: Tensor) -> Tensor:
    """(n, 1, d) the class token behind the attention of a block; all others are left out."""
    own, count = block.attn, len(x)
    normed = block.norm1(x)
    weight, bias, width = own.qkv.weight, own.qkv.bias, own.attn_dim
    row = functional.linear(normed[:, :1], weight[:width], None if bias is None else bias[:width])
    both = functional.linear(normed, weight[width:], None if bias is None else bias[width:])
    query = row.reshape(count, 1, own.num_heads, own.head_dim).transpose(1, 2)
    key, value = (
        both.reshape(count, -1, 2, own.num_heads, own.head_dim).permute(2, 0, 3, 1, 4).unbind(0)
    )
    found = functional.scaled_dot_product_attention(own.q_norm(query), own.k_norm(key), value)
    found = own.proj(own.norm(found.transpose(1, 2).reshape(count, 1, width)))
    return x[:, :1] + torch.as_tensor(block.ls1(found))
