"""Accuracy of the published ResNet-20 and ResNet-56 on CIFAR-10's test set, beside what is claimed.

Usage: python experiments/published_weights.py [DEPTH …]

Reads CIFAR-10 and ``weights/resnet{20,56}-*.th`` (akamaster/pytorch_resnet_cifar10) under
MU_DATA_ROOT. An independent check of the networks, the loader and `predict`: nothing is trained.
"""

import sys

import numpy as np

from mu.data.base import TensorData
from mu.data.facts import data_root
from mu.data.images import CIFAR10
from mu.errors import UsageError
from mu.models.base import Learner
from mu.models.predict import predict
from mu.models.vision import CifarResNet
from mu.models.weights import load_weights, read_weights

PUBLISHED = {20: 0.9173, 56: 0.9339}
FIRST = 2000
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the inputs they were trained on


def published(depth: int) -> Learner:
    """The network with its published weights.

    Raises:
        UsageError: They are not under MU_DATA_ROOT.
    """
    import torch

    files = sorted((data_root() / "weights").glob(f"resnet{depth}-*.th"))
    if not files:
        raise UsageError(f"there is no weights/resnet{depth}-*.th under {data_root()}")
    learner = Learner(CifarResNet(depth, 3, 10))
    load_weights(learner, read_weights(files[0]), files[0].name)
    learner.network.to(memory_format=torch.channels_last)
    return learner


def correct(learner: Learner, images: TensorData, ids: np.ndarray) -> np.ndarray:
    """Whether each image is classified correctly."""
    found = predict(learner, images.loader(ids, batch_size=250))
    return found.logits.argmax(1) == found.targets


def main() -> None:
    """Print one line a network."""
    cifar = CIFAR10()
    empty = np.empty(0, np.int64)
    ids = cifar.parts["test"]
    images = TensorData(
        cifar.x, cifar.y, train=empty, validation=empty, test=ids, mean=MEAN, std=STD
    )
    for depth in [int(word) for word in sys.argv[1:]] or list(PUBLISHED):
        right = correct(published(depth), images, ids)
        print(
            f"ResNet-{depth}: {right.mean():.4f} of {len(ids)} test images ({right.sum()} right), "
            f"{right[:FIRST].mean():.4f} of the first {FIRST}; published {PUBLISHED[depth]}",
            flush=True,
        )


if __name__ == "__main__":
    main()
