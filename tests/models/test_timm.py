"""Networks of timm: fitted to the data, stored and loaded like any other."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from mu.errors import UsageError
from mu.models.base import Learner, as_batch, build_learner
from mu.models.timm import TimmModel, patch_of, patches
from mu.models.weights import load_weights

# Name → options that make it small enough for a test.
NAMES = {
    "vit_tiny_patch16_224": {"depth": 2},
    "deit_tiny_patch16_224": {"depth": 2},
    "deit_tiny_distilled_patch16_224": {"depth": 2},
    "swin_tiny_patch4_window7_224": {"depths": [2, 2, 2, 2], "embed_dim": 24},
    "resnet18": {"channels": [16, 16, 16, 32]},
    "resnet18d": {"channels": [16, 16, 16, 32]},
    "vgg16_bn": {"mlp_ratio": 0.01},
}


def config(name: str, **more) -> dict:
    network = {"_target_": "mu.models.timm.TimmModel", "name": name, "in_channels": 1}
    return network | {"num_classes": 5, "image_size": 32, "options": NAMES.get(name, {})} | more


@pytest.fixture(scope="module", params=NAMES)
def learner(request) -> Learner:
    torch.manual_seed(0)
    return build_learner(config(request.param))


def test_logits_are_the_head_of_the_features(learner):
    x = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    learner.eval()
    logits, features = learner(x), learner.features(as_batch((x, torch.zeros(2))))
    assert logits.shape == (2, 5)
    assert features.dim() == 2 and len(features) == 2
    head = learner.network.net.get_classifier()
    heads = head if isinstance(head, tuple) else (head,)
    if len(heads) == 1:
        assert torch.allclose(heads[0](features), logits, atol=1e-5)
    assert all(h.in_features == features.shape[1] for h in heads)


def test_the_gradient_reaches_every_parameter(learner):
    x = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    learner.train().zero_grad()
    learner.batch_loss(as_batch((x, torch.arange(4)))).backward()
    missing = [n for n, p in learner.named_parameters() if p.grad is None]
    assert missing == []
    assert sum(float(p.grad.abs().sum()) for p in learner.parameters()) > 0


@pytest.mark.parametrize("prefix", ["", "net.", "network.net.", "module."])
def test_the_state_dict_comes_back(learner, prefix):
    name, options = learner.network.net.default_cfg["architecture"], learner.state_dict()
    other = build_learner(config(name))
    given_names = {f"{prefix}{n.removeprefix('network.net.')}": t for n, t in options.items()}
    load_weights(other, given_names, "w")
    assert all(torch.equal(t, options[n]) for n, t in other.state_dict().items())


def test_a_seed_fixes_the_initial_weights():
    networks = []
    for _ in range(2):
        torch.manual_seed(3)
        networks.append(TimmModel("resnet18", 1, 2, 32, options=NAMES["resnet18"]).state_dict())
    assert all(torch.equal(t, networks[1][n]) for n, t in networks[0].items())


# Sizes.


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("vit_tiny_patch16_224", 224, {"patch_size": 16}),
        ("vit_tiny_patch16_224", 32, {"patch_size": 4}),
        ("vit_tiny_patch16_224", 28, {"patch_size": 4}),
        ("vit_tiny_patch16_224", 8, {"patch_size": 1}),
        ("vit_tiny_patch16_224", 96, {"patch_size": 12}),
        ("swin_tiny_patch4_window7_224", 224, {"patch_size": 4, "window_size": 7}),
        ("swin_tiny_patch4_window7_224", 64, {"patch_size": 4, "window_size": 4}),
        ("swin_tiny_patch4_window7_224", 8, {"patch_size": 1, "window_size": 4}),
        ("swinv2_tiny_window8_256", 256, {"patch_size": 4, "window_size": 8}),
        ("resnet18", 32, {}),
    ],
)
def test_patches_and_windows_are_fitted_to_the_image(name, size, expected):
    assert patches(name, size) == expected


@given(st.integers(1, 256), st.integers(1, 32), st.integers(1, 16))
def test_the_patch_size_divides_and_leaves_enough_where_that_can_be(size, own, least):
    fits = [p for p in range(1, size + 1) if size % p == 0]
    found = patch_of(size, fits, own, least)
    assert size % found == 0
    assert (size // found >= least) == (size >= least)
    assert found == own or own not in fits or size // own < least


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"name": "vit_tiny_patch16_224", "patch_size": 5}, "patch_size=5.*1, 2, 4, 8, 16, 32"),
        ({"name": "swin_tiny_patch4_window7_224", "image_size": 28}, "28 pixels.*set resize"),
        ({"name": "vit_tiny_patch16_224", "image_size": 31}, "31 a side.*set resize"),
        ({"name": "swin_tiny_patch4_window7_224", "patch_size": 8}, "patch_size=8.*: 1, 2, 4$"),
        ({"name": "resnet18", "patch_size": 4}, "resnet18 has no option patch_size"),
        ({"name": "resnet18", "options": {"depht": 3}}, "resnet18 has no option depht"),
        ({"name": "vit_tiny_patch16_224", "stem": "small"}, "stem=small is for ResNets"),
        ({"name": "resnet18", "stem": "large"}, "stem=large is not one of auto, imagenet, small"),
        ({"name": "resnet18", "resize": 0}, "resize=0"),
        ({"name": "test_vit", "image_size": 30}, "test_vit: patches of 16 do not divide 30"),
        ({"name": "nest_tiny", "image_size": 36}, "nest_tiny cannot be built for 36 pixels"),
        ({"name": "resnet81"}, "no model 'resnet81'; the nearest are resnet18"),
        ({"name": "xyzzy"}, "no model 'xyzzy'; timm.list_models"),
        ({"name": "resnet18", "in_channels": 0}, "in_channels=0"),
    ],
)
def test_what_does_not_fit_is_named(more, named):
    with pytest.raises(UsageError, match=named) as caught:
        build_learner(config(**more))
    assert "\n" not in str(caught.value)


def test_another_image_size_is_named():
    network = TimmModel("test_vit", 3, 2, 32, patch_size=8)
    with pytest.raises(UsageError, match="TimmModel takes images 32×32 with 3 channels"):
        network(torch.zeros(1, 3, 28, 28))


def test_images_are_scaled_inside_the_network():
    torch.manual_seed(0)
    network = TimmModel("test_vit", 3, 2, 16, resize=32, patch_size=8).eval()
    x = torch.rand(2, 3, 16, 16)
    larger = functional.interpolate(x, size=(32, 32), mode="bilinear", align_corners=False)
    assert torch.allclose(network(x), network.net(larger))
    assert network.features(x).shape == (2, 64)


# Stems.


@pytest.mark.parametrize(
    ("more", "pixels"),
    [
        ({}, 32),
        ({"stem": "imagenet"}, 8),
        ({"image_size": 96}, 24),
        ({"image_size": 96, "stem": "small"}, 96),
        ({"resize": 96}, 24),
    ],
)
@pytest.mark.parametrize("name", ["resnet18", "resnet18d"])
def test_small_images_keep_their_resolution(name, more, pixels):
    network, seen = build_learner(config(name, **more)).network.eval(), []
    network.net.layer1.register_forward_hook(lambda module, x, y: seen.append(y.shape[-1]))
    size = more.get("image_size", 32)
    network(torch.zeros(1, 1, size, size))
    assert seen == [pixels]
    first = next(m for m in network.modules() if isinstance(m, nn.Conv2d))
    assert first.in_channels == 1


# Pretrained weights.


def test_weights_that_cannot_be_downloaded_are_named(monkeypatch):
    def offline(*arguments, **options):
        raise ConnectionError("no route to host")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", offline)
    with pytest.raises(UsageError, match=r"weights of resnet18 cannot.*no route.*pretrained=false"):
        build_learner(config("resnet18", pretrained=True, options={}))
    assert build_learner(config("resnet18", pretrained=True), download=False)


def test_a_tag_of_weights_that_timm_does_not_have_is_named():
    with pytest.raises(UsageError, match=r"weights of resnet18\.nosuch cannot be had.*nosuch"):
        build_learner(config("resnet18.nosuch", pretrained=True))
