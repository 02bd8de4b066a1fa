"""Adapters of a whole network: where they go, how they leave, and PEFT as the reference."""

import json

import pytest
import timm
import torch

from mu.errors import NotApplicable, UsageError
from mu.lora.adapters import Adapters, feed_forward, write_peft
from mu.models.timm import TimmModel
from mu.models.vision import SmallCNN

VIT = {"img_size": 16, "patch_size": 4, "embed_dim": 24, "depth": 3, "num_heads": 2}


def vit() -> torch.nn.Module:
    torch.manual_seed(0)
    return timm.models.vision_transformer.VisionTransformer(num_classes=5, **VIT).eval()


def moved(adapters: Adapters) -> Adapters:
    """With B that are not zero."""
    for layer in adapters.layers.values():
        layer.B.data.normal_(std=0.1)
    return adapters


def test_output_is_unchanged_at_first_and_kept_by_merging() -> None:
    network, x = vit(), torch.randn(2, 3, 16, 16)
    names, before = list(network.state_dict()), network(x)
    adapters = Adapters(network, rank=2)
    torch.testing.assert_close(network(x), before)
    moved(adapters)
    output = network(x)
    assert (output - before).abs().max() > 1e-3
    adapters.merge()
    torch.testing.assert_close(network(x), output, rtol=1e-5, atol=1e-5)
    assert list(network.state_dict()) == names


def test_groups_by_block_adapter_and_matrix() -> None:
    adapters = Adapters(vit(), rank=2)
    assert [len(g) for g in adapters.groups("block")] == [4, 4, 4]
    assert [len(g) for g in adapters.groups("lora")] == [2] * 6
    assert [len(g) for g in adapters.groups("matrix")] == [1] * 12
    with pytest.raises(UsageError, match="groups='layer'"):
        adapters.groups("layer")
    assert sum(p.numel() for p in adapters.parameters) == 3 * 2 * 2 * (24 + 96)


def test_only_some_blocks() -> None:
    adapters = Adapters(vit(), rank=2, blocks=[1, 2])
    assert all(name.startswith(("blocks.1.", "blocks.2.")) for name in adapters.layers)
    with pytest.raises(UsageError, match="blocks 0 to 2"):
        Adapters(vit(), blocks=[3])


def test_the_same_seed_draws_the_same_a() -> None:
    one, two, other = (Adapters(vit(), seed=s).parameters for s in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.equal(one[0], other[0])


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "vit_tiny_patch16_224"])
def test_networks_of_timm_have_feed_forward_layers(name: str) -> None:
    network = TimmModel(name, 3, 4, 32)
    names = feed_forward(network)
    blocks = {name.partition(".mlp.")[0] for name in names}
    assert len(blocks) == 12 and len(names) == 24


def test_a_convolutional_network_is_refused() -> None:
    with pytest.raises(NotApplicable, match="SmallCNN has no feed-forward layers"):
        Adapters(SmallCNN(1, 4, 8))


def test_peft_gives_the_same_output_and_reads_what_is_exported(tmp_path) -> None:
    peft = pytest.importorskip("peft")
    network, x = vit(), torch.randn(2, 3, 16, 16)
    adapters = moved(Adapters(network, rank=2))
    write_peft(adapters.tensors(), 0.5, tmp_path)
    output = network(x)
    config = peft.LoraConfig(
        r=2, lora_alpha=1, target_modules=r"blocks\.\d+\.mlp\.fc[12]", init_lora_weights=True
    )
    theirs = peft.inject_adapter_in_model(config, vit(), "default")
    for name, layer in adapters.layers.items():
        own = theirs.get_submodule(name)
        assert own.scaling["default"] == layer.scale
        own.lora_A["default"].weight.data.copy_(layer.A)
        own.lora_B["default"].weight.data.copy_(layer.B)
    torch.testing.assert_close(theirs(x), output, rtol=1e-5, atol=1e-5)
    read = peft.PeftModel.from_pretrained(vit(), tmp_path).eval()
    torch.testing.assert_close(read(x), output, rtol=1e-5, atol=1e-5)
    assert json.loads((tmp_path / "adapter_config.json").read_text())["r"] == 2
