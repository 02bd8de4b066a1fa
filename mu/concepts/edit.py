"""Pasting a window of one image into another; places and sizes are fractions of the image."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from mu.errors import UsageError

Edit = Literal["none", "localized", "center", "random_place", "full"]
# Published for images of 224 pixels: 64, 96, 96 and 160.
WINDOWS = {"localized": 64 / 224, "center": 96 / 224, "random_place": 96 / 224, "full": 160 / 224}
EDITS = ("none", *WINDOWS)


@dataclass(frozen=True)
class Places:
    """Where windows are centred, as fractions (row, column) of the image's sides.

    Attributes:
        target: (n, 2) in the images that are changed.
        donor: (n, 2) in those that lend.
    """

    target: Tensor
    donor: Tensor


def window_pixels(window: float, shape: tuple[int, int]) -> tuple[int, int]:
    """Height and width in pixels of a window that covers a fraction of each side, at least one.

    Raises:
        UsageError: The fraction is not in (0, 1].

    Example:
        >>> window_pixels(64 / 224, (224, 224)), window_pixels(64 / 224, (32, 32))
        ((64, 64), (9, 9))
    """
    if not 0 < window <= 1:
        raise UsageError(f"window={window} is not a fraction of the image's side in (0, 1]")
    return max(1, round(window * shape[0])), max(1, round(window * shape[1]))


def corners(centres: Tensor, size: tuple[int, int], shape: tuple[int, int]) -> Tensor:
    """(n, 2) upper left pixel of windows at centres (n, 2), moved inside the image.

    Example:
        >>> corners(torch.tensor([[0.5, 0.0], [1.0, 0.5]]), (4, 4), (8, 8)).tolist()
        [[2, 0], [4, 2]]
    """
    sides, windows = torch.tensor(shape), torch.tensor(size)
    found = (centres.double() * sides - windows / 2).round().long()
    return torch.minimum(found.clamp(min=0), sides - windows)


def _grid(corner: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    rows = corner[:, :1] + torch.arange(size[0])
    columns = corner[:, 1:] + torch.arange(size[1])
    return torch.arange(len(corner))[:, None, None], rows[:, :, None], columns[:, None, :]


def cut_out(x: Tensor, corner: Tensor, size: tuple[int, int]) -> Tensor:
    """(n, C, h, w) one window of each image (n, C, H, W)."""
    image, row, column = _grid(corner, size)
    return x[image, :, row, column].permute(0, 3, 1, 2)


def paste(x: Tensor, patch: Tensor, corner: Tensor) -> Tensor:
    """Copies of images (n, C, H, W) in which one window (n, C, h, w) each is replaced."""
    image, row, column = _grid(corner, (patch.shape[2], patch.shape[3]))
    found = x.clone()
    found[image, :, row, column] = patch.permute(0, 2, 3, 1)
    return found


def edited(
    x: Tensor,
    donors: Tensor,
    edit: Edit,
    window: float | None = None,
    places: Places | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Images with a window of a donor image pasted into each.

    Args:
        x: (n, C, H, W) images that are changed; the tensor itself is not.
        donors: (n, C, H, W) images that lend, in the same normalisation.
        edit: "localized": the window at the donor's place goes to the target's place; "center":
            the middle of the donor goes to the middle; "random_place": a window from anywhere goes
            anywhere; "full": the whole donor, made smaller, goes to the middle; "none".
        window: Fraction of the sides, or None for the published one (see `WINDOWS`).
        places: For "localized".
        generator: For "random_place", on the CPU.

    Raises:
        UsageError: An unknown edit, inputs that are no images of one size, a window out of range,
            or "localized" without places.
    """
    if edit == "none":
        return x
    if edit not in WINDOWS:
        raise UsageError(f"edit={edit!r} is not one of {', '.join(EDITS)}")
    if x.dim() != 4 or x.shape != donors.shape:
        raise UsageError(
            f"edit={edit} pastes images (n, C, H, W) of one size, not {tuple(donors.shape)} into "
            f"{tuple(x.shape)}; use edit=none"
        )
    shape = (x.shape[2], x.shape[3])
    size = window_pixels(WINDOWS[edit] if window is None else window, shape)
    middle = torch.full((len(x), 2), 0.5)
    if edit == "full":
        small = functional.interpolate(donors, size, mode="bilinear", antialias=True)
        return paste(x, small, corners(middle, size, shape))
    if edit == "random_place":
        draws = torch.rand(2, len(x), 2, generator=generator)
        spans = torch.tensor([shape[0] - size[0] + 1, shape[1] - size[1] + 1])
        source, target = (draws * spans).long().unbind(0)
        return paste(x, cut_out(donors, source, size), target)
    if edit == "center":
        places = Places(middle, middle)
    if places is None:
        raise UsageError("edit=localized needs places, such as those of a concept map")
    source, target = (corners(p, size, shape) for p in (places.donor, places.target))
    return paste(x, cut_out(donors, source, size), target)
