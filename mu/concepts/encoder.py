"""What embeds images and words into one space; used to analyse data, never to unlearn."""

import importlib
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from mu.errors import UsageError


class ImageTextEncoder(Protocol):
    """Embeds images and words; anything with these two methods serves."""

    def images(self, x: Tensor) -> Tensor:
        """(n, d) embeddings of images (n, C, H, W) in [0, 1], of any size."""
        ...

    def texts(self, words: Sequence[str]) -> Tensor:
        """(k, d) embeddings of words."""
        ...


class OpenClipEncoder:
    """A model of open_clip, where that package is installed (``pip install "mu[concepts]"``).

    Args:
        name: Architecture, for instance "RN50", which the published analysis uses.
        pretrained: A file of weights, or a tag of open_clip, which it may download. None ship with
            mu.
        device: "cpu" or "cuda".

    Raises:
        UsageError: open_clip is not installed, or no weights are named.
    """

    def __init__(self, name: str = "RN50", pretrained: str = "", device: str = "cpu") -> None:
        if not pretrained:
            raise UsageError(
                "pretrained='' names no weights: give a file, or a tag that open_clip lists"
            )
        open_clip = import_open_clip()
        self.model: Any = open_clip.create_model(name, pretrained=pretrained).to(device).eval()
        self.tokenizer: Any = open_clip.get_tokenizer(name)
        expected = open_clip.get_model_preprocess_cfg(self.model)
        size = expected["size"]
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.mean = torch.tensor(expected["mean"]).view(-1, 1, 1)
        self.std = torch.tensor(expected["std"]).view(-1, 1, 1)
        self.device = device

    @torch.inference_mode()
    def images(self, x: Tensor) -> Tensor:
        """(n, d) embeddings of images (n, C, H, W) in [0, 1]; grey ones count as coloured."""
        x = x.float().expand(-1, 3, -1, -1)
        x = functional.interpolate(x, self.size, mode="bicubic", antialias=True).clamp(0, 1)
        found: Tensor = self.model.encode_image(((x - self.mean) / self.std).to(self.device))
        return found.float().cpu()

    @torch.inference_mode()
    def texts(self, words: Sequence[str]) -> Tensor:
        """(k, d) embeddings of the bare words, of unit length."""
        found: Tensor = self.model.encode_text(self.tokenizer(list(words)).to(self.device))
        return functional.normalize(found.float().cpu(), dim=1)


def import_open_clip() -> Any:
    """The package open_clip.

    Raises:
        UsageError: It is not installed.
    """
    try:
        return importlib.import_module("open_clip")
    except ModuleNotFoundError as error:
        if error.name != "open_clip":
            raise
        raise UsageError(
            "OpenClipEncoder needs the package open_clip_torch, which is not installed: "
            'pip install "mu[concepts]", or hand over an ImageTextEncoder of your own'
        ) from error


def embedded(encoder: ImageTextEncoder, x: Tensor, batch_size: int = 256) -> Tensor:
    """(n, d) embeddings of images, a batch at a time.

    Raises:
        UsageError: The encoder returns another number of rows, or values that are not finite.
    """
    found = [encoder.images(part).detach().float().cpu() for part in torch.split(x, batch_size)]
    embeddings = torch.cat(found)
    if embeddings.dim() != 2 or len(embeddings) != len(x) or not embeddings.isfinite().all():
        raise UsageError(
            f"the encoder returned {tuple(embeddings.shape)} for {len(x)} images; it must return "
            "(n, d) finite numbers"
        )
    return embeddings
