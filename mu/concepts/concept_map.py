"""What concept analysis leaves for unlearning: a donor class, and where concepts are in images."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mu.errors import UsageError
from mu.trust.arrays import MOST, read_arrays


@dataclass(frozen=True)
class ConceptMap:
    """The donor of one class, and the peaks of the concepts.

    Attributes:
        target: The class that is forgotten.
        donor: The class that lends.
        concept: Word that is looked for in images of the target.
        donor_concept: Word that is looked for in images of the donor.
        rule: Rule that chose the donor.
        index: (n,) ids of images of the target.
        peaks: (n, 2) centres of windows as fractions (row, column) of the image's sides.
        donor_index: (m,) ids of images of the donor.
        donor_peaks: (m, 2) centres in them.
    """

    target: int
    donor: int
    concept: str
    donor_concept: str
    rule: str
    index: NDArray[np.int64]
    peaks: NDArray[np.float64]
    donor_index: NDArray[np.int64]
    donor_peaks: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.target == self.donor:
            raise UsageError(f"class {self.target} cannot be its own donor")
        for ids, places in ((self.index, self.peaks), (self.donor_index, self.donor_peaks)):
            inside = places.shape == (len(ids), 2) and ((places >= 0) & (places <= 1)).all()
            if len(np.unique(ids)) != len(ids) or not inside:
                raise UsageError(
                    f"the concept map of class {self.target} needs ids, each once, and for each "
                    "a row and a column between 0 and 1"
                )


def places_of(ids: Tensor, known: NDArray[np.int64], peaks: NDArray[np.float64]) -> Tensor:
    """(n, 2) peaks of ids (n,).

    Raises:
        UsageError: An id has no peak.

    Example:
        >>> places_of(torch.tensor([7]), np.array([3, 7]), np.array([[0.1, 0.2], [0.5, 0.4]]))
        tensor([[0.5000, 0.4000]], dtype=torch.float64)
    """
    row = {int(sample): n for n, sample in enumerate(known)}
    missing = [int(sample) for sample in ids if int(sample) not in row]
    if missing:
        raise UsageError(
            f"the concept map says nothing of sample {missing[0]}; make it with all samples of the "
            "class, by their ids in the data"
        )
    rows = [row[int(sample)] for sample in ids]
    return torch.from_numpy(np.asarray(peaks, np.float64)[rows])


def write_maps(path: Path | str, maps: Mapping[int, ConceptMap]) -> None:
    """Write concept maps of several classes into one npz file."""
    arrays = {
        f"{target}/{name}": np.asarray(value)
        for target, found in maps.items()
        for name, value in asdict(found).items()
    }
    with Path(path).open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def read_maps(path: Path | str) -> dict[int, ConceptMap]:
    """Read what `write_maps` wrote; no code in the file is run.

    Raises:
        UsageError: The file is not there, or is not such a file.
    """
    if not Path(path).is_file():
        raise UsageError(f"there is no file of concept maps {path}")
    try:
        arrays: dict[str, Any] = read_arrays(Path(path), MOST)
    except (ValueError, OSError) as error:
        raise UsageError(f"{path} is no file of concept maps; make it with write_maps") from error
    names, found = [field.name for field in fields(ConceptMap)], {}
    for target in sorted({name.partition("/")[0] for name in arrays}):
        given = {name: arrays.get(f"{target}/{name}") for name in names}
        if any(value is None for value in given.values()):
            missing = next(name for name, value in given.items() if value is None)
            raise UsageError(f"{path} is no file of concept maps: {target}/{missing} is missing")
        plain = {k: v.item() if v.ndim == 0 else v for k, v in given.items() if v is not None}
        found[int(plain["target"])] = ConceptMap(**plain)
    return found
