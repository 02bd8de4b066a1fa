"""Image data sets."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mu.data.base import Ids, TensorData, draws
from mu.data.facts import data_root
from mu.errors import UsageError


class Digits(TensorData):
    """The 1 797 real 8×8 digits that ship with scikit-learn (UCI optical digits, test part).

    Args:
        validation: Share of the data kept for validation, never trained on.
        test: Share of the data kept for testing.
        split_seed: Seed of the split.

    Raises:
        UsageError: The shares leave nothing to train on.
    """

    def __init__(self, validation: float = 0.1, test: float = 0.3, split_seed: int = 0) -> None:
        from sklearn.datasets import load_digits

        if not (validation > 0 and test > 0 and validation + test < 1):
            raise UsageError(
                f"shares validation={validation}, test={test} must be positive and leave a rest"
            )
        x, y = load_digits(return_X_y=True)
        order = np.random.default_rng(split_seed).permutation(len(y))
        n_validation, n_test = round(validation * len(y)), round(test * len(y))
        super().__init__(
            torch.tensor(x / 16.0, dtype=torch.float32).view(-1, 1, 8, 8),
            torch.tensor(y, dtype=torch.int64),
            validation=order[:n_validation],
            test=order[n_validation : n_validation + n_test],
            train=order[n_validation + n_test :],
        )
        self.model_facts = {"in_channels": 1, "num_classes": 10, "image_size": 8}


class CIFAR10(TensorData):
    """CIFAR-10 through torchvision: 50 000 training and 10 000 test images, 32×32, 10 classes.

    Args:
        n_train: How many training images to use (a random, class-balanced draw), or None for all
            that validation leaves.
        n_validation: Training images kept for validation, never trained on.
        split_seed: Seed of the draw.

    Raises:
        UsageError: The files are not there and cannot be downloaded, or the counts do not fit.
    """

    def __init__(
        self, n_train: int | None = None, n_validation: int = 5000, split_seed: int = 0
    ) -> None:
        train_x, train_y = _cifar10(train=True)
        test_x, test_y = _cifar10(train=False)
        wanted = (n_train if n_train is not None else len(train_y) - n_validation) + n_validation
        if not (0 < n_validation < wanted <= len(train_y)):
            raise UsageError(
                f"n_train={n_train}, n_validation={n_validation} do not fit {len(train_y)} images"
            )
        order = _balanced_order(train_y.numpy(), split_seed)
        ids = np.arange(len(train_y), len(train_y) + len(test_y))
        super().__init__(
            torch.cat([train_x, test_x]),
            torch.cat([train_y, test_y]),
            validation=order[:n_validation],
            train=order[n_validation:wanted],
            test=ids,
            mean=(0.4914, 0.4822, 0.4465),
            std=(0.2470, 0.2435, 0.2616),
        )
        self.model_facts = {"in_channels": 3, "num_classes": 10, "image_size": 32}

    def augmented(self, x: Tensor, ids: Ids, name: str, seed: int, epoch: int) -> Tensor:
        if name != "crop_flip":
            return super().augmented(x, ids, name, seed, epoch)
        return crop_flip(x, torch.from_numpy(draws(seed, epoch, 1, (len(self.x), 3))[ids]))


def crop_flip(x: Tensor, uniform: Tensor, padding: int = 4) -> Tensor:
    """Random crop after zero padding and horizontal flip, for a whole batch at once.

    Args:
        x: (n, C, H, W) images.
        uniform: (n, 3) numbers in [0, 1): row offset, column offset, flip.
        padding: Pixels added on every side.
    """
    n, _, height, width = x.shape
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    offset = (uniform[:, :2] * (2 * padding + 1)).long()
    rows = offset[:, :1] + torch.arange(height)
    columns = torch.arange(width).expand(n, width)
    columns = torch.where(uniform[:, 2:] < 0.5, columns.flip(1), columns) + offset[:, 1:]
    image = torch.arange(n).view(n, 1, 1)
    return padded.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]].permute(
        0, 3, 1, 2
    )


def _balanced_order(labels: np.ndarray[Any, Any], seed: int) -> Ids:
    """Random order in which every prefix holds the classes in nearly equal numbers."""
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(labels))
    rank = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        rank[members] = np.arange(len(members))
    return shuffled[np.lexsort((rng.random(len(labels)), rank[shuffled]))]


def _cifar10(train: bool) -> tuple[Tensor, Tensor]:
    from torchvision.datasets import CIFAR10 as Torchvision

    root = data_root()
    try:
        found = Torchvision(root, train=train, download=False)
    except RuntimeError:
        try:
            found = Torchvision(root, train=train, download=True)
        except Exception as error:
            raise UsageError(
                f"CIFAR-10 is not under {root} and cannot be downloaded "
                f"({type(error).__name__}); put "
                "the folder cifar-10-batches-py there, or set MU_DATA_ROOT to where it is"
            ) from error
    x = torch.from_numpy(found.data).permute(0, 3, 1, 2).contiguous()
    return x, torch.tensor(found.targets, dtype=torch.int64)
