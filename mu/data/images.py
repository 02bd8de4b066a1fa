"""Images that scikit-learn and torchvision read."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mu.data.facts import data_root
from mu.data.image_data import ImageData, Published, PublishedImages
from mu.data.split import check_shares
from mu.errors import UsageError

FIGURES = tuple("0123456789")


class Digits(ImageData):
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

        check_shares(validation=validation, test=test)
        x, y = load_digits(return_X_y=True)
        order = np.random.default_rng(split_seed).permutation(len(y))
        n_validation, n_test = round(validation * len(y)), round(test * len(y))
        super().__init__(
            torch.tensor(x / 16.0, dtype=torch.float32).view(-1, 1, 8, 8),
            torch.tensor(y, dtype=torch.int64),
            {
                "validation": order[:n_validation],
                "test": order[n_validation : n_validation + n_test],
                "train": order[n_validation + n_test :],
            },
            class_names=FIGURES,
        )


class TorchvisionImages(PublishedImages):
    """A data set that torchvision reads, downloaded where the files are not there.

    A subclass says which; the arguments are those of `PublishedImages`, but for ``source``.

    Raises:
        UsageError: The files are not there and cannot be downloaded, or the counts do not fit.
    """

    source: ClassVar[str]
    title: ClassVar[str]
    files: ClassVar[str]
    names: ClassVar[Sequence[str]]
    shape: ClassVar[tuple[int, int, int]]
    normalisation: ClassVar[tuple[Sequence[float], Sequence[float]]]
    splits: ClassVar[Sequence[Mapping[str, Any]]] = ({"train": True}, {"train": False})

    def __init__(self, **more: Any) -> None:
        super().__init__(self.published(), **more)

    @classmethod
    def published(cls) -> Published:
        """Images and labels as published."""
        read = [torchvision_images(cls.source, cls.title, cls.files, **s) for s in cls.splits]
        mean, std = cls.normalisation
        labels = np.concatenate([y for _, y in read])
        x = torch.cat([x for x, _ in read])
        return Published(x, labels, len(read[0][1]), cls.names, mean, std, cls.shape)


class MNIST(TorchvisionImages):
    """MNIST: 60 000 training and 10 000 test images of digits, 28×28 grey (LeCun et al. 1998)."""

    source, title, files = "MNIST", "MNIST", "the folder MNIST/raw with its four unpacked files"
    names, shape = FIGURES, (1, 28, 28)
    normalisation = (0.1307,), (0.3081,)


class FashionMNIST(TorchvisionImages):
    """Fashion-MNIST: MNIST's sizes, ten kinds of clothing (Xiao et al. 2017, arXiv 1708.07747)."""

    source, title = "FashionMNIST", "Fashion-MNIST"
    files = "the folder FashionMNIST/raw with its four unpacked files"
    names = (
        *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
        *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
    )
    shape, normalisation = (1, 28, 28), ((0.2860,), (0.3530,))


class CIFAR10(TorchvisionImages):
    """CIFAR-10: 50 000 training and 10 000 test images, 32×32, 10 classes (Krizhevsky 2009)."""

    source, title, files = "CIFAR10", "CIFAR-10", "the folder cifar-10-batches-py"
    names = (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    )
    shape = (3, 32, 32)
    normalisation = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


class SVHN(TorchvisionImages):
    """Street View House Numbers: 73 257 training and 26 032 test digits, 32×32 (Netzer 2011)."""

    source, title = "SVHN", "SVHN"
    files = "the files train_32x32.mat and test_32x32.mat"
    names, shape = FIGURES, (3, 32, 32)
    normalisation = (0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)
    splits = ({"split": "train"}, {"split": "test"})


def torchvision_images(
    source: str, title: str, files: str, **split: Any
) -> tuple[Tensor, NDArray[np.int64]]:
    """(n, C, H, W) uint8 images and (n,) labels of one part, by the torchvision class ``source``.

    Args:
        source: Name in ``torchvision.datasets``.
        title: What people call the data set.
        files: What has to lie under the data root.
        split: The loader's argument that names the part.

    Raises:
        UsageError: The files are not there and cannot be downloaded.
    """
    import torchvision

    loader, root = getattr(torchvision.datasets, source), data_root()
    try:
        found = loader(root, download=False, **split)
    except RuntimeError:
        try:
            found = loader(root, download=True, **split)
        except Exception as error:
            raise UsageError(
                f"{title} is not under {root} and cannot be downloaded "
                f"({type(error).__name__}); put {files} there, or set MU_DATA_ROOT to where it is"
            ) from error
    x = torch.as_tensor(found.data)
    if x.ndim == 3:
        x = x.unsqueeze(1)
    elif x.shape[-1] == 3:
        x = x.permute(0, 3, 1, 2).contiguous()
    labels = found.labels if hasattr(found, "labels") else found.targets
    return x, np.asarray(labels, np.int64)
