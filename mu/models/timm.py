"""Any image network of timm by its name, fitted to the channels, classes and size of the data."""

import difflib
import re
from typing import Any

import timm
from omegaconf import OmegaConf
from timm.layers.patch_embed import PatchEmbed
from timm.models.resnet import ResNet
from torch import Tensor, nn
from torch.nn import functional

from mu.errors import UsageError
from mu.models.image import ImageNetwork

MOST = 28  # patches a side, twice those of a ViT of 16-pixel patches at 224 pixels
SMALL = 64  # pixels up to which a 7×7 stem of stride 2 with pooling throws away too much


class TimmModel(ImageNetwork):
    """A network of timm (https://github.com/huggingface/pytorch-image-models).

    Args:
        name: A name of ``timm.list_models()``, for instance "vit_tiny_patch16_224", with or
            without the tag of pretrained weights behind a dot.
        in_channels: Channels of the image.
        num_classes: Number of logits.
        image_size: Height and width of the data's images in pixels.
        resize: Pixels to which images are scaled (bilinear) inside the network, or None.
        patch_size: Pixels a patch, for networks of patches. None is the network's own size where
            that leaves enough patches, else the largest that does (see `patch_of`).
        stem: For ResNets: "imagenet" is their own, "small" a first convolution of 3×3 and stride 1
            without pooling, "auto" is small for images of up to 64 pixels.
        pretrained: Whether weights are downloaded. Parts that are adapted to the images (a small
            stem, the head) start anew.
        options: Further arguments of the network, for instance ``drop_path_rate``.

    Raises:
        UsageError: An unknown name, an image size that patches do not divide, an option that the
            network does not have, or weights that cannot be downloaded.

    Example:
        >>> import torch
        >>> network, x = TimmModel("test_vit", 1, 3, 28, patch_size=4), torch.zeros(2, 1, 28, 28)
        >>> network(x).shape, network.features(x).shape
        (torch.Size([2, 3]), torch.Size([2, 64]))
    """

    weights_prefix = "net."

    def __init__(
        self,
        name: str,
        in_channels: int,
        num_classes: int,
        image_size: int,
        resize: int | None = None,
        patch_size: int | None = None,
        stem: str = "auto",
        pretrained: bool = False,
        options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(in_channels, num_classes, image_size)
        if not timm.is_model(name):
            raise unknown_name(name)
        if stem not in ("auto", "imagenet", "small"):
            raise UsageError(f"{name}: stem={stem} is not one of auto, imagenet, small")
        if resize is not None and resize < 1:
            raise UsageError(f"{name}: resize={resize} is not a number of pixels")
        self.resize = resize
        size = resize or image_size
        given = {"in_chans": in_channels, "num_classes": num_classes}
        given |= {"img_size": size} | patches(name, size, patch_size) | plain(options)
        self.net: Any = create(name, given, pretrained)
        embed = getattr(self.net, "patch_embed", None)
        if isinstance(embed, PatchEmbed) and size % embed.patch_size[0]:
            raise UsageError(
                f"{name}: patches of {embed.patch_size[0]} do not divide {size} pixels; "
                "set patch_size or resize"
            )
        small = stem == "small" or (stem == "auto" and size <= SMALL)
        if isinstance(self.net, ResNet):
            self.stem = "small" if small else "imagenet"
            if small:
                use_small_stem(self.net, in_channels)
        elif stem == "small":
            raise UsageError(f"{name}: stem=small is for ResNets; set stem=auto")

    def scaled(self, x: Tensor) -> Tensor:
        """Images at the size that the network is built for."""
        self.check(x)
        if self.resize is None:
            return x
        return functional.interpolate(x, size=(self.resize, self.resize), mode="bilinear")

    def features(self, x: Tensor) -> Tensor:
        """(n, d) representation before the head."""
        found: Tensor = self.net.forward_features(self.scaled(x))
        found = self.net.forward_head(found, pre_logits=True)
        return found.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(self.scaled(x))
        return logits


def plain(options: Any) -> dict[str, Any]:
    """Options without Hydra's containers, which timm does not take."""
    if OmegaConf.is_config(options):
        options = OmegaConf.to_container(options)
    return dict(options or {})


def unknown_name(name: str) -> UsageError:
    """The error for a name that timm does not know, with the nearest ones."""
    near = difflib.get_close_matches(name.partition(".")[0], timm.list_models(), n=3)
    hint = f"the nearest are {', '.join(near)}" if near else "timm.list_models() names them all"
    return UsageError(f"timm has no model {name!r}; {hint}")


def patches(name: str, size: int, patch_size: int | None = None) -> dict[str, int]:
    """Arguments that fit patches and windows to images of ``size`` pixels.

    A Swin's patches must allow its three halvings; its window is the largest up to its own that
    divides the grid of patches.

    Raises:
        UsageError: Patches of the given size, or of no size that leaves a bearable number of them,
            divide the image.

    Example:
        >>> patches("vit_tiny_patch16_224", 32), patches("vit_tiny_patch16_224", 224)
        ({'patch_size': 4}, {'patch_size': 16})
        >>> patches("swin_tiny_patch4_window7_224", 32)
        {'patch_size': 2, 'window_size': 4}
    """
    swin = name.startswith("swin")
    own = re.search(r"patch(\d+)", name)
    if own is None and not swin:
        return {} if patch_size is None else {"patch_size": patch_size}
    fits = [p for p in range(1, size + 1) if size % p == 0 and (not swin or size // p % 8 == 0)]
    what = "into a multiple of 8 patches a side" if swin else "into whole patches"
    if not fits:
        raise UsageError(f"{name}: {size} pixels cannot be cut {what}; set resize, e.g. to 32")
    if patch_size is not None and patch_size not in fits:
        sizes = ", ".join(map(str, fits))
        raise UsageError(
            f"{name}: patch_size={patch_size} does not cut {size} pixels {what}: {sizes}"
        )
    chosen = patch_size or patch_of(size, fits, int(own[1]) if own else 4, 16 if swin else 7)
    if patch_size is None and not swin and size // chosen > MOST:
        raise UsageError(
            f"{name}: only patches of {chosen} cut {size} pixels {what}, {size // chosen} a side, "
            "whose attention takes hours; set resize, or patch_size if that is wanted"
        )
    window = re.search(r"window(\d+)", name)
    if not (swin and window):
        return {"patch_size": chosen}
    grid = size // chosen
    return {
        "patch_size": chosen,
        "window_size": max(w for w in range(1, int(window[1]) + 1) if grid % w == 0),
    }


def patch_of(size: int, fits: list[int], own: int, least: int) -> int:
    """The patch size for images of ``size`` pixels, of those that fit.

    The network's ``own`` where it leaves ``least`` patches a side, else the largest that does, else
    the smallest there is.
    """
    enough = [p for p in fits if size // p >= least]
    if own in enough:
        return own
    return max(enough, default=min(fits))


def create(name: str, given: dict[str, Any], pretrained: bool) -> nn.Module:
    """A network of timm; ``img_size`` is left out where it takes images of any size.

    Raises:
        UsageError: It does not take an argument, cannot be built for this size, or its weights
            cannot be downloaded.
    """
    try:
        network: nn.Module = timm.create_model(name, pretrained=pretrained, **given)
        return network
    except TypeError as error:
        wrong = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if wrong is None:
            raise
        if wrong[1] == "img_size":
            return create(name, {k: v for k, v in given.items() if k != "img_size"}, pretrained)
        raise UsageError(f"{name} has no option {wrong[1]}") from error
    except Exception as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        if pretrained:
            raise UsageError(
                f"the pretrained weights of {name} cannot be had ({reason}); "
                "set pretrained=false, or train from a file with recipe.checkpoint"
            ) from error
        size = given.get("img_size")
        raise UsageError(f"{name} cannot be built for {size} pixels: {reason}") from error


def use_small_stem(network: Any, in_channels: int) -> None:
    """Keep the resolution of small images: a first convolution of stride 1, no pooling."""
    first = network.conv1
    if isinstance(first, nn.Sequential):  # three 3×3 convolutions instead of one of 7×7
        opening: Any = first[0]
        opening.stride = (1, 1)
    else:
        network.conv1 = nn.Conv2d(in_channels, first.out_channels, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    network.maxpool = nn.Identity()
