"""The layer: against autograd, against PEFT, and in bf16."""

import pytest
import torch
from torch import nn

from mu.lora.layer import LoRALinear


def layers(dtype=torch.float64) -> tuple[LoRALinear, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    layer = LoRALinear(nn.Linear(5, 7).to(dtype), rank=3, generator=generator)
    layer.B.data.normal_(generator=generator)
    return layer, torch.randn(2, 4, 5, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("bias", [True, False])
def test_value_and_gradients_are_those_of_autograd(bias: bool) -> None:
    layer, x = layers()
    if not bias:
        layer.base.bias = None
    weight = layer.base.weight + layer.scale * (layer.B @ layer.A)
    wanted = nn.functional.linear(x, weight, layer.base.bias)
    found = layer(x)
    torch.testing.assert_close(found, wanted)
    upstream = torch.randn_like(found)
    ours = torch.autograd.grad(found, [x, layer.A, layer.B], upstream)
    theirs = torch.autograd.grad(wanted, [x, layer.A, layer.B], upstream)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_gradients_by_differences() -> None:
    layer, x = layers()
    names = ("A", "B")

    def call(x, *matrices):
        return torch.func.functional_call(layer, dict(zip(names, matrices, strict=True)), (x,))

    assert torch.autograd.gradcheck(call, (x, layer.A, layer.B))


def test_it_starts_as_the_layer_it_is_put_on_and_ends_merged() -> None:
    base = nn.Linear(6, 4)
    before = base.weight.clone()
    layer, x = LoRALinear(base, rank=2), torch.randn(3, 6)
    torch.testing.assert_close(layer(x), base(x))
    assert not base.weight.requires_grad and layer.scale == 0.5
    layer.B.data.normal_()
    output = layer(x)
    assert torch.equal(base.weight, before)
    merged = layer.merge()
    assert type(merged) is nn.Linear
    torch.testing.assert_close(merged(x), output)


def test_a_is_kaiming_uniform_and_narrower_when_told() -> None:
    wide = LoRALinear(nn.Linear(512, 8), rank=64).A
    narrow = LoRALinear(nn.Linear(512, 8), rank=64, width=0.343).A
    assert wide.abs().max() <= 512**-0.5
    assert float(wide.std()) == pytest.approx(0.0255, rel=0.05)
    assert float(narrow.std()) == pytest.approx(0.0088, rel=0.05)


def test_bf16_autocast_keeps_gradients_in_the_precision_of_the_adapter() -> None:
    layer, x = layers(torch.float32)
    exact = layer(x)
    exact.sum().backward()
    wanted = layer.A.grad.clone()
    layer.A.grad = None
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x)
    assert found.dtype == torch.bfloat16
    found.float().sum().backward()
    assert layer.A.grad.dtype == torch.float32
    torch.testing.assert_close(found.float(), exact, rtol=0.05, atol=0.05)
    torch.testing.assert_close(layer.A.grad, wanted, rtol=0.1, atol=0.1)
