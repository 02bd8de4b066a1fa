"""Coloured squares, and an encoder that sees colours: concepts whose answers are known."""

import numpy as np
import torch
from torch.nn import functional

from mu.data.base import TensorData

WORDS = ["red", "green", "blue", "dark"]
COLOURS = {
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
    "dark": (-1.0, -1.0, -1.0),
}
GREY = 0.5


class ColourEncoder:
    """Embeds an image as its mean colour less grey, a word as its colour.

    A constant beside them makes the cosine grow with how much of a colour there is.
    """

    def images(self, x):
        return functional.pad(x.mean(dim=(2, 3)) - GREY, (0, 1), value=0.2)

    def texts(self, words):
        colours = functional.normalize(torch.tensor([COLOURS[w] for w in words]), dim=1)
        return functional.pad(colours, (0, 1))


def squares(n=120, side=16, seed=0):
    """Images, classes, and the upper left pixel of each 6×6 square.

    Class 0 shows a red square and a green one in the upper left corner, class 1 a green square,
    class 2 a blue one, at a random place clear of that corner, on noisy grey.
    """
    rng = np.random.default_rng(seed)
    y = torch.arange(n) % 3
    x = GREY + 0.02 * torch.from_numpy(rng.normal(size=(n, 3, side, side)).astype(np.float32))
    corners = torch.from_numpy(rng.integers(5, side - 5, size=(n, 2)))
    for image, label, (row, column) in zip(x, y, corners, strict=True):
        if label == 0:
            image[0, :5, :5] -= 0.25
            image[1, :5, :5] += 0.5
            image[2, :5, :5] -= 0.25
        square = image[:, row : row + 6, column : column + 6]
        square -= 0.25
        square[int(label)] += 0.75
    return x.clamp(0, 1), y, corners


def data():
    """The squares as a data set: 72 to train on, 24 to validate, 24 to test."""
    x, y, _ = squares()
    ids = np.arange(len(y))
    parts = {"train": ids[:72], "validation": ids[72:96], "test": ids[96:]}
    return TensorData(x, y, mean=[GREY], std=[0.25], **parts)
