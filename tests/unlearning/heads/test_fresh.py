"""Drawing anew: every weight of every kind of module, and nothing that is frozen."""

import copy

import pytest
import timm
import torch
from layer_cases import NETWORKS
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils import spectral_norm as hooked_spectral_norm
from torch.nn.utils import weight_norm as hooked_weight_norm
from torchvision.models import convnext, resnet18

from mu.errors import UsageError
from mu.models.timm import TimmModel
from mu.unlearning.heads.fresh import reinitialise
from mu.unlearning.heads.last_layers import last_layers, layers, modules_of


def everything(network):
    return modules_of(layers(network))


@pytest.mark.parametrize("name", NETWORKS)
def test_drawing_anew_changes_the_chosen_layers_and_no_other(name):
    network = NETWORKS[name][0]()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(0.123)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.fill_(3.0)
    before = {n: t.clone() for n, t in network.state_dict().items()}
    chosen = modules_of(last_layers(network, 2))
    reinitialise(network, chosen)
    inside = {id(m) for m in chosen}
    for prefix, module in network.named_modules():
        for key, tensor in [
            *module.named_parameters(recurse=False),
            *module.named_buffers(recurse=False),
        ]:
            old = before.get(f"{prefix}.{key}".lstrip("."))
            if old is None or "num_batches" in key or key == "running_var":
                continue
            assert torch.equal(tensor, old) == (id(module) not in inside), f"{prefix}.{key}"


def transformer():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.Sequential(nn.Linear(4, 8), nn.TransformerEncoder(layer, 2), nn.Linear(8, 3))


def wrapped(wrap):
    return lambda: nn.Sequential(
        wrap(nn.Linear(6, 5)), nn.ReLU(), wrap(nn.Linear(5, 5, bias=False))
    )


SERVED = {
    "weight_norm": wrapped(parametrizations.weight_norm),
    "spectral_norm": wrapped(parametrizations.spectral_norm),
    "orthogonal": wrapped(parametrizations.orthogonal),
    "hooked weight_norm": wrapped(hooked_weight_norm),
    "hooked weight_norm of all": wrapped(lambda m: hooked_weight_norm(m, dim=None)),
    "hooked spectral_norm": wrapped(hooked_spectral_norm),
    "pruned": wrapped(lambda m: prune.l1_unstructured(m, "weight", 0.5)),
    "attention": transformer,
    "lstm": lambda: nn.LSTM(3, 4, batch_first=True),
    "vit": lambda: timm.create_model("vit_tiny_patch16_224", img_size=32, depth=1, num_classes=3),
    "beit": lambda: timm.create_model("beit_base_patch16_224", depth=1, embed_dim=24, num_heads=2),
    "timm convnext": lambda: timm.create_model(
        "convnext_atto", depths=(1,) * 4, dims=(8,) * 4, num_classes=3
    ),
    "convnext": lambda: convnext.ConvNeXt([convnext.CNBlockConfig(8, None, 2)], num_classes=3),
    "resnet18": lambda: resnet18(num_classes=3),
}


@pytest.mark.parametrize("name", SERVED)
def test_what_is_drawn_does_not_depend_on_what_was_there(name):
    """Two networks of other weights are one after a draw from one seed."""
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        network = SERVED[name]()
        masks = {n: b.clone() for n, b in network.named_buffers() if "mask" in n}
        with torch.no_grad():
            for parameter in network.parameters():
                if parametrize_free(network, parameter):
                    parameter.add_(torch.randn_like(parameter))
        torch.manual_seed(5)
        reinitialise(network, everything(network))
        assert all(torch.equal(b, dict(network.named_buffers())[n]) for n, b in masks.items())
        found.append(network)
    skip = ("_u", "_v") if "spectral" in name else ()
    for (key, a), b in zip(found[0].named_parameters(), found[1].parameters(), strict=True):
        assert (bool(a.isfinite().all()) and torch.equal(a, b)) or key.endswith(skip), key


def parametrize_free(network, parameter):
    """Off the manifold of an orthogonal parametrisation no weights are."""
    return not any(type(one).__name__ == "_Orthogonal" for one in network.modules()) or not any(
        parameter is p
        for m in network.modules()
        if isinstance(m, parametrize.ParametrizationList)
        for p in m.parameters()
    )


@pytest.mark.parametrize("name", ["weight_norm", "orthogonal", "hooked weight_norm", "pruned"])
def test_weights_that_are_computed_come_out_as_the_layer_draws_them(name):
    network = SERVED[name]()
    torch.manual_seed(3)
    reinitialise(network, everything(network))
    torch.manual_seed(3)
    plain = nn.Linear(6, 5)
    network(torch.zeros(2, 6))
    weight = network[0].weight
    if name == "orthogonal":
        torch.testing.assert_close(weight @ weight.T, torch.eye(5), atol=1e-5, rtol=0)
    elif name == "pruned":
        torch.testing.assert_close(weight, plain.weight * network[0].weight_mask)
    else:
        torch.testing.assert_close(weight, plain.weight)


def test_what_a_transformer_draws_has_the_sizes_that_it_is_built_with():
    network = transformer()
    reinitialise(network, everything(network))
    attention = network[1].layers[0].self_attn
    assert not attention.in_proj_bias.any() and not attention.out_proj.bias.any()
    fresh = nn.MultiheadAttention(8, 2)
    assert 0.5 < attention.in_proj_weight.std() / fresh.in_proj_weight.std() < 2


@pytest.mark.parametrize(("name", "key"), [("convnext", "layer_scale"), ("timm convnext", "gamma")])
def test_scales_that_nothing_can_draw_start_at_one_and_are_named(name, key):
    network = SERVED[name]()
    found = reinitialise(network, everything(network)).constants
    own = {n: p for n, p in network.named_parameters() if n.endswith(key)}
    assert found == dict.fromkeys(own, 1.0) and own
    assert all(bool((p == 1).all()) for p in own.values())


def test_a_vector_that_is_added_starts_at_zero():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.own_bias = nn.Parameter(torch.rand(3))

    network = nn.Sequential(nn.Linear(2, 3), Shifted())
    assert reinitialise(network, everything(network)).constants == {"1.own_bias": 0.0}
    assert not network[1].own_bias.any()


def test_a_module_s_own_way_of_setting_its_vectors_is_taken():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.rand(3))

        def init_weights(self, mode=""):
            nn.init.constant_(self.scale, 0.25)

    network = nn.Sequential(nn.Linear(2, 3), Scaled())
    assert reinitialise(network, everything(network)).constants == {}
    assert network[1].scale.tolist() == [0.25] * 3


def test_a_reset_that_leaves_a_weight_out_is_refused():
    class Half(nn.Linear):
        def __init__(self):
            super().__init__(2, 3)
            self.more = nn.Parameter(torch.rand(3, 2))

    network = nn.Sequential(Half())
    with pytest.raises(UsageError, match=r"0\.more cannot be drawn anew: Half\.reset_parameters"):
        reinitialise(network, everything(network))


def test_a_parametrisation_without_a_way_back_is_refused():
    class Doubled(nn.Module):
        def forward(self, x):
            return 2 * x

    network = nn.Sequential(nn.Linear(2, 3))
    parametrize.register_parametrization(network[0], "weight", Doubled())
    with pytest.raises(UsageError, match="take it off with"):
        reinitialise(network, everything(network))


def test_what_is_frozen_stays_with_its_running_statistics():
    body = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.BatchNorm1d(4, affine=False))
    network = nn.Sequential(body, nn.Linear(4, 3), nn.BatchNorm1d(3))
    network(torch.rand(9, 4) + 3)
    body.requires_grad_(False)
    network[1].bias.requires_grad_(False)
    before = copy.deepcopy(network.state_dict())
    reinitialise(network, everything(network))
    moved = {n for n, t in network.state_dict().items() if not torch.equal(t, before[n])}
    assert moved == {
        "1.weight",
        "2.running_mean",
        "2.running_var",
        "2.num_batches_tracked",
    }


def test_it_says_which_buffers_were_reset():
    class Remembering(nn.BatchNorm1d):
        def __init__(self):
            super().__init__(3)
            self.register_buffer("mean_of_all", torch.full((3,), 7.0))

    network = nn.Sequential(nn.Linear(2, 3), Remembering())
    found = reinitialise(network, everything(network)).buffers
    assert found == {"1.running_mean", "1.running_var"}
    assert network[1].mean_of_all.tolist() == [7.0] * 3


def test_all_layers_of_a_vision_transformer_can_be_drawn_anew():
    network = TimmModel("test_vit", 3, 10, 32, patch_size=8)
    before = copy.deepcopy(network)
    assert not reinitialise(network, everything(network)).constants
    for (name, new), old in zip(network.named_parameters(), before.parameters(), strict=True):
        assert new.dim() < 2 or not torch.equal(new, old), name
