"""A user's samples in the order of the data set they come from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mu.data.base import Batch
from mu.parts.indexed import Indexed, beneath
from mu.parts.joined import Joined
from mu.parts.rows import Held, Rows


@dataclass(frozen=True)
class InDataOrder(Rows):
    """Rows in the order of their places (n,) in one data set."""

    rows: Rows
    places: Tensor

    @property
    def axes(self) -> Any:  # type: ignore[override]
        return self.rows.axes

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def order(self) -> Tensor:
        """(n,) rows, the first of the data set first."""
        return self.places.argsort(stable=True)

    @property
    def numbers(self) -> Tensor:
        return self.rows.numbers[self.order]

    def renewed(self, seed: int, epoch: int) -> Rows:
        return in_data_order(self.rows.renewed(seed, epoch))

    def batches(self, places: Sequence[Tensor]) -> Iterator[Batch]:
        order = self.order
        return self.rows.batches([order[rows] for rows in places])


def in_data_order(rows: Rows) -> Rows:
    """The rows in the order of their data set; as they are where it is not known.

    Example:
        >>> from mu.parts.joined import joined
        >>> kept, gone = (Batch(torch.tensor(i), torch.tensor(i), torch.tensor(i))
        ...               for i in ([0, 2], [1]))
        >>> in_data_order(joined(Held(kept), Held(gone))).read(torch.arange(3)).x
        tensor([0, 1, 2])
    """
    places = places_in_data(rows)
    return rows if places is None else InDataOrder(rows, places)


def places_in_data(rows: Rows) -> Tensor | None:
    """(n,) where each sample stands in the one data set they all come from, or None.

    Ids tell, and the indices of DataLoaders over one data set or `torch.utils.data.Subset` of it.
    """
    if isinstance(rows, Held):
        return rows.batch.index.cpu() if bool((rows.batch.index >= 0).all()) else None
    if isinstance(rows, Joined):
        first, second = rows.first, rows.second
        if isinstance(first, Indexed) or isinstance(second, Indexed):
            return None  # one has ids, the other indices, or two functions collate them
        both = [places_in_data(first), places_in_data(second)]
        return None if any(one is None for one in both) else torch.cat(both)  # type: ignore[arg-type]
    return _of_indices(rows) if isinstance(rows, Indexed) else None


def _of_indices(rows: Indexed) -> Tensor | None:
    found = [beneath(rows.sources[source].loader.dataset, index) for source, index in rows.keys]
    one = len({id(data) for data, _ in found}) == 1
    if not one or not all(isinstance(index, int) for _, index in found):
        return None
    return torch.tensor([index for _, index in found])
