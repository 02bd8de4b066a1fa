"""Where in an image a concept is: the similarity of sliding windows with its vector."""

import torch
from torch import Tensor
from torch.nn import functional

from mu.concepts.edit import window_pixels
from mu.concepts.encoder import ImageTextEncoder, embedded
from mu.errors import UsageError

WINDOW, STRIDE = 64 / 224, 16 / 224  # published for images of 224 pixels


def window_corners(
    shape: tuple[int, int], window: float = WINDOW, stride: float = STRIDE
) -> tuple[Tensor, Tensor]:
    """Upper rows and left columns of sliding windows, all of them inside the image.

    Args:
        shape: Height and width in pixels.
        window: Fraction of the sides; at least one pixel.
        stride: From one window to the next, likewise.

    Raises:
        UsageError: A fraction is not in (0, 1].

    Example:
        >>> [len(c) for c in window_corners((224, 224))], [len(c) for c in window_corners((32, 32))]
        ([11, 11], [12, 12])
    """
    size = window_pixels(window, shape)
    if not 0 < stride <= 1:
        raise UsageError(f"stride={stride} is not a fraction of the image's side in (0, 1]")
    steps = [max(1, round(stride * side)) for side in shape]
    rows, columns = (
        torch.arange(0, side - length + 1, step)
        for side, length, step in zip(shape, size, steps, strict=True)
    )
    return rows, columns


def similarity_map(
    encoder: ImageTextEncoder,
    x: Tensor,
    vector: Tensor,
    window: float = WINDOW,
    stride: float = STRIDE,
    batch_size: int = 256,
) -> Tensor:
    """Cosine of every window's embedding with a concept's vector.

    Windows are embedded as they are cut: an encoder scales images to its own size.

    Args:
        encoder: What embeds windows.
        x: (n, C, H, W) images in [0, 1].
        vector: (d,) of the concept.
        window: Fraction of the sides.
        stride: From one window to the next, likewise.
        batch_size: Windows at a time.

    Returns:
        (n, rows, columns), with ((side − window) / stride + 1) rounded down along each side.
    """
    shape = (x.shape[2], x.shape[3])
    rows, columns = window_corners(shape, window, stride)
    height, width = window_pixels(window, shape)
    found = []
    for image in x:  # one image at a time: its windows are many times its size
        cuts = [image[:, r : r + height, c : c + width] for r in rows for c in columns]
        embeddings = embedded(encoder, torch.stack(cuts), batch_size)
        found.append(functional.cosine_similarity(embeddings, vector[None].float(), dim=1))
    if not found:
        return torch.empty(0, len(rows), len(columns))
    return torch.stack(found).view(len(x), len(rows), len(columns))


def peaks(
    maps: Tensor, shape: tuple[int, int], window: float = WINDOW, stride: float = STRIDE
) -> Tensor:
    """(n, 2) centre of each map's best window, as fractions (row, column) of the image's sides.

    The best of many windows is better than the middle by construction: that a peak lies above the
    middle is no evidence that the concept was found.

    Example:
        >>> peaks(torch.eye(2)[None], (4, 4), window=0.5, stride=0.5).tolist()
        [[0.25, 0.25]]
    """
    rows, columns = window_corners(shape, window, stride)
    height, width = window_pixels(window, shape)
    best = maps.flatten(1).argmax(1)
    row, column = rows[best // len(columns)], columns[best % len(columns)]
    centre = torch.stack([row + height / 2, column + width / 2], dim=1)
    return centre / torch.tensor(shape)
