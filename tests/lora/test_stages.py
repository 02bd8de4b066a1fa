"""Two stages of a Vision Transformer: the same values and gradients as in one."""

import pytest
import timm
import torch

from mu.lora.adapters import Adapters
from mu.lora.stages import Stages
from mu.models.timm import TimmModel

SIZES = {"img_size": 16, "patch_size": 4, "embed_dim": 24, "depth": 3, "num_heads": 2}
VisionTransformer = timm.models.vision_transformer.VisionTransformer


def network(**options):
    torch.manual_seed(0)
    return VisionTransformer(num_classes=5, **(SIZES | options)).double().eval()


@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize(
    "options",
    [{}, {"qkv_bias": False}, {"init_values": 0.1}, {"qk_norm": True}, {"depth": 1}],
    ids=str,
)
def test_values_and_gradients_are_those_of_the_network(first: int, options: dict) -> None:
    net, x = network(**options), torch.randn(4, 3, 16, 16, dtype=torch.float64)
    first = min(first, len(net.blocks) - 1)
    net.requires_grad_(False)
    adapters = Adapters(net, rank=2, blocks=list(range(first, len(net.blocks))))
    for layer in adapters.layers.values():
        layer.B.data.normal_(std=0.1)
    assert Stages.fits(net)
    stages = Stages(net, first)
    with torch.no_grad():
        state = stages.before(x)
    embeddings, logits = stages.after(state)
    torch.testing.assert_close(logits, net(x))
    torch.testing.assert_close(embeddings, net.forward_head(net.forward_features(x), True))
    ours = torch.autograd.grad(logits.square().sum(), adapters.parameters)
    theirs = torch.autograd.grad(net(x).square().sum(), adapters.parameters)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    "options",
    [
        {"global_pool": "avg"},
        {"proj_drop_rate": 0.1},
        {"attn_drop_rate": 0.1},
        {"drop_path_rate": 0.1},
        {"drop_rate": 0.1},
    ],
    ids=str,
)
def test_what_is_not_plain_enough(options: dict) -> None:
    assert not Stages.fits(network(**options))
    assert not Stages.fits(torch.nn.Linear(2, 2))


def test_the_wrapper_scales_its_images() -> None:
    torch.manual_seed(0)
    net = TimmModel("vit_tiny_patch16_224", 1, 4, 8, resize=16, patch_size=4).eval()
    x = torch.randn(2, 1, 8, 8)
    stages = Stages(net, 0)
    assert Stages.fits(net)
    torch.testing.assert_close(stages.after(stages.before(x))[1], net(x), rtol=1e-4, atol=1e-5)
    assert not Stages.fits(TimmModel("swin_tiny_patch4_window7_224", 1, 4, 32))
