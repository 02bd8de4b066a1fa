"""CIFAR-100 by its fine or coarse classes (CIFAR-20), original and lossy copy (Krizhevsky 2009)."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mu.data.facts import data_root
from mu.data.image_data import Published, PublishedImages, check_images
from mu.data.images import torchvision_images
from mu.errors import UsageError
from mu.trust.arrays import MOST, read_arrays

# Both kinds of classes are numbered in the order of their names.
GROUPS = {
    "aquatic_mammals": "beaver dolphin otter seal whale",
    "fish": "aquarium_fish flatfish ray shark trout",
    "flowers": "orchid poppy rose sunflower tulip",
    "food_containers": "bottle bowl can cup plate",
    "fruit_and_vegetables": "apple mushroom orange pear sweet_pepper",
    "household_electrical_devices": "clock keyboard lamp telephone television",
    "household_furniture": "bed chair couch table wardrobe",
    "insects": "bee beetle butterfly caterpillar cockroach",
    "large_carnivores": "bear leopard lion tiger wolf",
    "large_man-made_outdoor_things": "bridge castle house road skyscraper",
    "large_natural_outdoor_scenes": "cloud forest mountain plain sea",
    "large_omnivores_and_herbivores": "camel cattle chimpanzee elephant kangaroo",
    "medium_mammals": "fox porcupine possum raccoon skunk",
    "non-insect_invertebrates": "crab lobster snail spider worm",
    "people": "baby boy girl man woman",
    "reptiles": "crocodile dinosaur lizard snake turtle",
    "small_mammals": "hamster mouse rabbit shrew squirrel",
    "trees": "maple_tree oak_tree palm_tree pine_tree willow_tree",
    "vehicles_1": "bicycle bus motorcycle pickup_truck train",
    "vehicles_2": "lawn_mower rocket streetcar tank tractor",
}
COARSE = tuple(GROUPS)
FINE = tuple(sorted(" ".join(GROUPS.values()).split()))
COARSE_OF = np.array([[name in GROUPS[group].split() for group in COARSE] for name in FINE]).argmax(
    1
)
SHAPE = (3, 32, 32)


def published(x: Tensor, fine: NDArray[np.int64], first: int) -> Published:
    """CIFAR-100 with both labellings; the normalisation is that of Foster et al. (2308.07707)."""
    check_images(x, torch.from_numpy(fine), len(FINE), SHAPE)
    mean, std = (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)
    levels = {"fine": fine, "coarse": COARSE_OF[fine]}
    names = {"fine": FINE, "coarse": COARSE}
    return Published(x, fine, first, FINE, mean, std, SHAPE, levels, names)


class CIFAR100(PublishedImages):
    """CIFAR-100: 50 000 training and 10 000 test images, 32×32, through torchvision.

    Draws are balanced over the fine classes whatever is trained on, so that ids and parts of
    CIFAR-100 and CIFAR-20 are the same.

    Args:
        labels: ``fine`` (100 classes) or ``coarse`` (20 classes, called CIFAR-20).
        more: See `mu.data.image_data.PublishedImages`.

    Raises:
        UsageError: The files are not there and cannot be downloaded, or an argument does not fit.
    """

    def __init__(self, labels: str = "fine", **more: Any) -> None:
        super().__init__(self.read(), labels=labels, **more)

    @staticmethod
    def read() -> Published:
        """Images and fine labels, training part first."""
        about = ("CIFAR100", "CIFAR-100", "the folder cifar-100-python")
        (x, y), (test_x, test_y) = (torchvision_images(*about, train=t) for t in (True, False))
        return published(torch.cat([x, test_x]), np.concatenate([y, test_y]), len(y))


class LossyCIFAR100(CIFAR100):
    """CIFAR-100 from images that were compressed with loss: not the data of published tables.

    Read from ``cifar100-lossy.npz`` under the data root: ``train_x``, ``test_x`` (n, 32, 32, 3)
    uint8, ``train_y``, ``test_y`` (n,) fine labels.

    Args:
        labels, more: See `CIFAR100`.

    Raises:
        UsageError: The file is not there or holds something else, or an argument does not fit.
    """

    FILE = "cifar100-lossy.npz"

    @staticmethod
    def read() -> Published:
        path = data_root() / LossyCIFAR100.FILE
        if not path.is_file():
            raise UsageError(
                f"{path} is not there: put the lossy copy of CIFAR-100 there, "
                "or set MU_DATA_ROOT to where it is"
            )
        try:
            found = read_arrays(path, MOST)
            parts = [(found[f"{part}_x"], found[f"{part}_y"]) for part in ("train", "test")]
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(f"{path} does not hold train_x, train_y, test_x, test_y") from error
        for images, _ in parts:
            if images.shape[1:] != (32, 32, 3) or images.dtype != np.uint8:
                given = f"{images.shape} {images.dtype}"
                raise UsageError(f"{path}: images must be (n, 32, 32, 3) uint8, not {given}")
        x = torch.from_numpy(np.concatenate([images for images, _ in parts]))
        labels = np.concatenate([labels for _, labels in parts]).astype(np.int64)
        return published(x.permute(0, 3, 1, 2).contiguous(), labels, len(parts[0][1]))
