"""An epoch of a tail on stored activations ÷ one of the whole network with the same stages frozen.

Both train the same parameters on the same images in the same order. Beside it is the trunk, that
is computed once: its time ÷ that of an epoch of the whole network. Random images and weights: only
time is measured.
"""

import copy
import tempfile
from pathlib import Path

import numpy as np
import torch
from ratio import compare, conditions

from mu.data.activations import Activations
from mu.data.base import TensorData
from mu.models.activations import activations
from mu.models.base import Learner
from mu.models.tail import trunk_and_tail
from mu.models.timm import TimmModel
from mu.training.fit import fit

SIZE, PIXELS = 256, 96
RECIPE = {"epochs": 1, "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.01, "momentum": 0.9}}
CUTS = {"tf_efficientnet_lite0": ("blocks.5", "blocks.6"), "resnet18": ("layer4",)}


def stored(trunk: torch.nn.Module, data: TensorData, cut: str, folder: Path) -> Activations:
    """Activations of all images, in a file as the store has it."""
    ids = data.universe()
    rows = np.concatenate(list(activations(trunk, data, ids, False, cut)))
    np.save(folder / "activations.npy", rows)
    np.savez(folder / "arrays.npz", ids=ids)
    return Activations(folder)


def ratios(name: str, cut: str) -> None:
    """Time an epoch of both, and the trunk."""
    torch.manual_seed(0)
    x, y = torch.randn(SIZE, 3, PIXELS, PIXELS), torch.randint(0, 10, (SIZE,))
    ids = np.arange(SIZE)
    data = TensorData(x, y, train=ids, validation=ids[:0], test=ids[:0])
    whole = TimmModel(name, 3, 10, PIXELS, stem="imagenet" if name == "resnet18" else "auto")
    trunk, tail = trunk_and_tail(whole, cut)  # freezes the trunk in the whole network, too
    for network in (whole, trunk):
        network.to(memory_format=torch.channels_last)
    with tempfile.TemporaryDirectory() as folder:
        behind = copy.copy(data)
        behind.activations = stored(trunk, data, cut, Path(folder))

        def epoch(network: torch.nn.Module, source: TensorData) -> None:
            fit(Learner(network), source.loader(ids, batch_size=32, train=True), RECIPE)

        def once() -> None:
            list(activations(trunk, data, ids, False, cut))

        compare(
            f"{name} from {cut} on, an epoch",
            lambda: epoch(tail, behind),
            lambda: epoch(whole, data),
        )
        compare(f"{name}, its trunk once", once, lambda: epoch(whole, data), n=3)


def main() -> None:
    """Every network and cut."""
    conditions()
    for name, cuts in CUTS.items():
        for cut in cuts:
            ratios(name, cut)


if __name__ == "__main__":
    main()
