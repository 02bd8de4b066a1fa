"""What a frozen trunk makes of the samples: read from a file that processes share."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mu.data.base import Ids
from mu.errors import UsageError
from mu.trust.arrays import read_arrays

PLAIN, FLIPPED = "activations.npy", "activations_flipped.npy"


class Activations:
    """Rows of activations by absolute id, mapped into memory.

    Args:
        folder: Of an artifact of the step ``activations``.

    Raises:
        UsageError: It holds none.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self.ids: Ids = read_arrays(folder / "arrays.npz")["ids"]
            self.plain = np.load(folder / PLAIN, mmap_mode="r")
            flipped = folder / FLIPPED
            self.flipped = np.load(flipped, mmap_mode="r") if flipped.exists() else None
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(f"no activations of a trunk in {folder}: {error}") from error

    def places(self, ids: Ids) -> Ids:
        """Rows in which the ids stand.

        Raises:
            UsageError: An id has none.
        """
        found = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        absent = ids[self.ids[found] != ids]
        if len(absent):
            raise UsageError(f"sample {absent[0]} has no activations: it is in no part of the data")
        return found

    def rows(self, ids: Ids, flipped: Tensor | None = None) -> Tensor:
        """(n, …) activations of the ids.

        Args:
            ids: Absolute.
            flipped: (n,) booleans: where the image is mirrored first; None for nowhere.

        Raises:
            UsageError: An id has none, or mirrored images were not computed.
        """
        found = torch.from_numpy(self.plain[self.places(ids)])
        return found if flipped is None else self.mirrored(found, ids, flipped)

    def mirrored(self, rows: Tensor, ids: Ids, flipped: Tensor) -> Tensor:
        """Rows of ids, changed in place where the image is mirrored first; see `rows`.

        Raises:
            UsageError: Mirrored images were not computed.
        """
        if self.flipped is None:
            raise UsageError("the activations are of images as they are, and mirrored ones are due")
        rows[flipped] = torch.from_numpy(self.flipped[self.places(ids[flipped.numpy()])])
        return rows
