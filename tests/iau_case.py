"""The numbers that the authors' code of IAU gave on a tiny network, and that network."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

GOLDEN = np.load(Path(__file__).parent / "golden" / "iau_official_small.npz")


def arrays(prefix):
    """Tensors of the golden file below a prefix, by the rest of their names."""
    return {
        key.removeprefix(prefix): torch.from_numpy(GOLDEN[key])
        for key in GOLDEN.files
        if key.startswith(prefix)
    }


def net():
    """The network with the weights that all golden numbers begin with."""
    layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(36, 10), nn.ReLU(), nn.Linear(10, 4)).double()
    model.load_state_dict(arrays("init/"))
    return model
