"""Augmentation of a whole batch of images at once, from numbers drawn per (seed, epoch, id)."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import pi
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from mu.data.base import Ids, draws


def uniform_numbers(seed: int, epoch: int, size: int, ids: Ids) -> Tensor:
    """(n, 4) numbers in [0, 1) of the ids among ``size``: row and column offset, flip, angle."""
    return torch.from_numpy(_epoch_numbers(seed, epoch, size)[ids])


@lru_cache(maxsize=4)
def _epoch_numbers(
    seed: int, epoch: int, size: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    # The angle is a draw of its own, so that with and without rotation the crops are the same.
    return np.concatenate([draws(seed, epoch, 1, (size, 3)), draws(seed, epoch, 3, (size, 1))], 1)


def flip(x: Tensor, uniform: Tensor) -> Tensor:
    """Horizontal flip of the images (n, C, H, W) whose third number is below ½."""
    return torch.where(is_flipped(uniform).view(-1, 1, 1, 1), x.flip(3), x)


def is_flipped(uniform: Tensor) -> Tensor:
    """(n,) booleans: which images are mirrored, by the third number."""
    return uniform[:, 2] < 0.5


def crop(x: Tensor, uniform: Tensor) -> Tensor:
    """Random crop after zero padding; see `crop_flip`."""
    unflipped = torch.cat([uniform[:, :2], torch.ones_like(uniform[:, :1])], dim=1)
    return crop_flip(x, unflipped)


def crop_flip(x: Tensor, uniform: Tensor, padding: int | None = None) -> Tensor:
    """Random crop after zero padding and horizontal flip, for a whole batch at once.

    Args:
        x: (n, C, H, W) images.
        uniform: (n, 3 or more) numbers in [0, 1): row offset, column offset, flip.
        padding: Pixels added on every side; by default an eighth of the shorter side.
    """
    height, width = x.shape[2:]
    padding = default_padding(x) if padding is None else padding
    offset = (uniform[:, :2] * (2 * padding + 1)).long()
    rows = offset[:, :1] + torch.arange(height)
    columns = torch.arange(width).expand(len(x), width)
    columns = torch.where(is_flipped(uniform)[:, None], columns.flip(1), columns) + offset[:, 1:]
    return _gather(x, rows[:, :, None], columns[:, None, :], padding)


def crop_flip_rotate(x: Tensor, uniform: Tensor, degrees: float = 15.0) -> Tensor:
    """Random crop, horizontal flip, then rotation, in one look-up of pixels.

    The recipe of Foster et al. (arXiv 2308.07707): each pixel is the nearest one of the cropped
    and flipped image turned about its centre; what the frame did not hold is zero.

    Args:
        x: (n, C, H, W) images.
        uniform: (n, 4) numbers in [0, 1): row offset, column offset, flip, angle.
        degrees: The angle is uniform between −degrees and degrees; positive turns
            counter-clockwise.
    """
    height, width = x.shape[2:]
    padding = default_padding(x)
    offset = (uniform[:, :2] * (2 * padding + 1)).long()
    # Double precision: a coordinate must round alike whatever the batch around it.
    angle = ((2 * uniform[:, 3] - 1) * degrees * pi / 180).double()
    cos, sin = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1)
    down = (torch.arange(height, dtype=torch.float64) - (height - 1) / 2).view(1, -1, 1)
    right = (torch.arange(width, dtype=torch.float64) - (width - 1) / 2).view(1, 1, -1)
    rows = (cos * down + sin * right + (height - 1) / 2).round().long()
    columns = (cos * right - sin * down + (width - 1) / 2).round().long()
    outside = (rows < 0) | (rows >= height) | (columns < 0) | (columns >= width)
    columns = torch.where(is_flipped(uniform).view(-1, 1, 1), width - 1 - columns, columns)
    # The padded image's first corner is zero; pixels from outside the frame are taken from there.
    rows = (rows + offset[:, :1, None]).masked_fill_(outside, 0)
    columns = (columns + offset[:, 1:, None]).masked_fill_(outside, 0)
    return _gather(x, rows, columns, padding)


def default_padding(x: Tensor) -> int:
    """An eighth of the shorter side, at least 1: 4 pixels for 32×32."""
    return max(1, min(x.shape[2:]) // 8)


def _gather(x: Tensor, rows: Tensor, columns: Tensor, padding: int) -> Tensor:
    """Pixels (rows, columns), broadcast to (n, H, W), of the images after zero padding."""
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    image = torch.arange(len(x)).view(-1, 1, 1)
    return padded.permute(0, 2, 3, 1)[image, rows, columns].permute(0, 3, 1, 2)


AUGMENTATIONS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {"crop": crop, "crop_flip": crop_flip, "crop_flip_rotate": crop_flip_rotate, "flip": flip}
)
